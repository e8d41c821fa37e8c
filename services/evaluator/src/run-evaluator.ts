import type { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import type { FeedDiagnosis } from '@mcld/feeds/diagnosis.js';
import { declareParameters } from '@mcld/models/layers/parameters.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { NotFoundError } from '@mcld/platform/grpc/errors.js';
import type { RunId } from '@mcld/platform/ids.js';
import { type Checkpoint, listCheckpoints, newestCheckpoint, readCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { keepEvaluation, storedEvaluations } from '@mcld/platform/runs/evaluations.js';
import { historyOf } from '@mcld/platform/runs/history.js';
import type { MetricsRecord } from '@mcld/platform/runs/metrics.js';
import type { LogitReport, Report } from '@mcld/platform/runs/report.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import type { TransferResult } from '@mcld/platform/runs/transfer.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { testSplit } from '@mcld/recipe/splits.js';
import { trainingPlan } from '@mcld/recipe/training-plan.js';
import pLimit from 'p-limit';
import { evaluateSplit } from './measure/evaluation.js';
import { describeSplit, type InferenceParts } from './measure/inference.js';
import { probeTransfer } from './measure/transfer.js';
import { keepReport } from './report/kept-reports.js';

export interface EvaluatorParts extends Omit<InferenceParts, 'waits'> {
  readonly adapters: Adapters<Recipe>;
  /** How long a wait may last before it is reported, in ms. */
  readonly waitAfterMs: number;
  readonly diagnosis: Pick<FeedDiagnosis, 'of'>;
}

/** Evaluates a run's checkpoints. One evaluation at a time: the compute thread holds one student. */
export class RunEvaluator {
  readonly #oneAtATime = pLimit(1);

  constructor(readonly parts: EvaluatorParts) {}

  /**
   * Metrics of a checkpoint on the run's test split, or another.
   * @param step 0 takes the newest
   * @param waits reports what does not come
   */
  evaluate(
    run: RunId,
    step: number,
    waits: WaitWatch,
    dataset?: DatasetRef,
  ): Promise<{ metrics: MetricsRecord; step: number }> {
    return this.#oneAtATime(async () => {
      const record = await this.#record(run);
      const checkpoint = await this.#load(run, step);
      const split = dataset ?? testSplit(record.recipe);
      const teacher = dataset ? '' : record.teacherDigest;
      const { metrics, diverged, teacherFault } = await evaluateSplit({ ...this.parts, waits }, split, teacher);
      if (teacherFault)
        this.parts.logger.warn({ run, step: checkpoint.manifest.step }, `not compared: ${teacherFault}`);
      if (diverged) this.parts.logger.warn({ run, step: checkpoint.manifest.step }, `diverged: ${diverged}`);
      if (!dataset) await this.#keep(run, checkpoint, metrics);
      return { metrics, step: checkpoint.manifest.step };
    });
  }

  /** The final evaluation: metrics, transfer, report.json and report.html. */
  report(run: RunId, step: number, waits: WaitWatch): Promise<Report> {
    return this.#oneAtATime(async () => {
      const { objects } = this.parts.adapters;
      const parts = { ...this.parts, waits };
      const record = await this.#record(run);
      const { recipe } = record;
      const checkpoint = await this.#load(run, step);
      const test = testSplit(recipe);
      const evaluation = await evaluateSplit(parts, test, record.teacherDigest, { withExamples: true });
      await this.#keep(run, checkpoint, evaluation.metrics);
      const transfer = evaluation.diverged ? [] : await this.#transfer(recipe, parts);
      const history = historyOf(run, checkpoint);
      const train = await describeSplit(parts, { ...test, split: 'train' });
      const tested = await describeSplit(parts, test);
      const report: Report = {
        schema: 'mcld.report/1',
        run,
        name: record.name,
        createdAt: new Date().toISOString(),
        model: recipe.model,
        parameters: declareParameters(recipe.model, train.classes).size,
        distiller: recipe.distiller,
        teacherDigest: record.teacherDigest,
        seed: recipe.seed,
        dataset: {
          name: recipe.dataset.name,
          standIn: train.standIn,
          skipped: train.skipped,
          passedOver: { train: train.passedOver, test: tested.passedOver },
          trainImages: train.count,
          testImages: evaluation.metrics.count,
        },
        epochs: recipe.epochs,
        step: checkpoint.manifest.step,
        modelSha256: checkpoint.manifest.parts['model.safetensors'].sha256,
        metrics: evaluation.metrics,
        ...(evaluation.diverged && { diverged: evaluation.diverged }),
        ...(evaluation.teacherFault && { teacherFault: evaluation.teacherFault }),
        history: history.epochs,
        evaluations: await storedEvaluations(objects, run),
        transfer,
        worstClasses: evaluation.worst,
        ...(record.teacherDigest && { logits: await describeLogits(this.parts, record.teacherDigest, recipe) }),
        examples: evaluation.examples,
      };
      await keepReport(objects, run, report);
      return report;
    });
  }

  async #transfer({ model, seed, evaluation }: Recipe, parts: InferenceParts): Promise<TransferResult[]> {
    const results: TransferResult[] = [];
    for (const dataset of evaluation.transfer) results.push(await probeTransfer(parts, dataset, { model, seed }));
    return results;
  }

  async #record(run: RunId): Promise<RunRecord<Recipe>> {
    const record = (await this.parts.adapters.runs.get(run))?.record;
    if (!record) throw new NotFoundError(`no run ${run}`);
    return record;
  }

  async #load(run: RunId, step: number): Promise<Checkpoint> {
    const { objects } = this.parts.adapters;
    const checkpoint =
      step > 0
        ? await readCheckpoint(objects, run, step)
        : await newestCheckpoint(objects, run, (error) =>
            this.parts.logger.error({ run, err: error }, 'damaged checkpoint'),
          );
    if (!checkpoint) throw new NotFoundError(`run ${run} has no checkpoint yet`);
    await this.parts.thread.call('load', { weights: checkpoint.parts['model.safetensors'] });
    return checkpoint;
  }

  async #keep(run: RunId, { manifest }: Checkpoint, metrics: MetricsRecord): Promise<void> {
    const { step, cursor } = manifest;
    await keepEvaluation(this.parts.adapters.objects, run, { step, epoch: cursor.epoch, ...metrics });
  }

  /** Whether a checkpoint is still there: retention may have been faster. */
  async has(run: RunId, step: number): Promise<boolean> {
    return (await listCheckpoints(this.parts.adapters.objects, run)).includes(step);
  }
}

/** What the run's teacher logits were read from. */
async function describeLogits(
  { teacher }: EvaluatorParts,
  teacherDigest: string,
  recipe: Recipe,
): Promise<LogitReport> {
  const { precision, rows, identities, probedViews, meanKl, maxKl } = await teacher.describeRows({
    teacherDigest,
    spec: trainingPlan(recipe),
    precision: recipe.logitPrecision,
  });
  return { precision, rows, identities, probedViews, meanKl, maxKl };
}
