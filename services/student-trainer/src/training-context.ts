import type { TrainingProgress } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { isMixed } from '@mcld/datasets/views/mix.js';
import { isOf } from '@mcld/errors/mcld-error.js';
import { type Batch, openBatches } from '@mcld/feeds/batches.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import { cursorOf, START, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import type { Feed } from '@mcld/feeds/feed.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import { openStepRows, type StepRows } from '@mcld/feeds/step-rows.js';
import { WeightMismatchError } from '@mcld/models/layers/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { type EventArguments, runEvent } from '@mcld/platform/bus/events.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import type { Logger } from '@mcld/platform/logging.js';
import { newestCheckpoint, pruneCheckpoints, writeCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { bestCheckpoint } from '@mcld/platform/runs/evaluations.js';
import { historyOf } from '@mcld/platform/runs/history.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import { preflight } from '@mcld/preflight/preflight.js';
import { dataSeedOf, needsTeacher, type Recipe } from '@mcld/recipe/schema.js';
import { trainingPlan } from '@mcld/recipe/training-plan.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { StepRates } from '@mcld/tensor/optimizer.js';
import type { ScheduleBase } from '@mcld/tensor/schedule.js';
import { diverged } from './diverged.js';
import { TrainingHistory } from './history.js';
import { ProgressMeter } from './progress.js';
import { assertClaimed } from './run-claim.js';
import type { handlers, StepResult } from './worker.js';

export interface TrainerParts {
  readonly adapters: Adapters<Recipe>;
  readonly logger: Logger;
  readonly thread: ComputeThread<typeof handlers>;
  readonly loader: LoaderClient;
  readonly teacher: TeacherClient;
  /** Told of progress, for streams. */
  onProgress(progress: TrainingProgress): void;
}

interface Plan {
  /** Where this attempt begins. */
  readonly step: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly rates: ScheduleBase;
}

/** Between two looks at the run record, and two progress events. */
const REPORT_MS = 1000;

/** Everything that one attempt at a run works with; the loop in training-run.ts uses its verbs. */
export class TrainingContext {
  #lastReport = 0;
  /** Step of the newest whole checkpoint. */
  #checkpoint: number | undefined;

  private constructor(
    readonly parts: TrainerParts,
    readonly record: RunRecord,
    readonly recipe: Recipe,
    readonly plan: Plan,
    readonly history: TrainingHistory,
    readonly progress: ProgressMeter,
    readonly stopping: () => boolean,
    private readonly batchFeed: Feed<Batch>,
    private readonly logitFeed: Feed<StepRows>,
  ) {}

  /**
   * Opens the run at its newest whole checkpoint, or at its beginning.
   * @throws RefusedError where what it will need is not there or does not fit
   */
  static async open(
    parts: TrainerParts,
    record: RunRecord<Recipe>,
    stopping: () => boolean,
    signal: AbortSignal,
  ): Promise<TrainingContext> {
    const { adapters, loader, teacher, thread, logger } = parts;
    const { recipe } = record;
    const { epochs, optimizer } = recipe;
    const spec = BatchSpec.fromPartial(trainingPlan(recipe));
    const described = await retrying(() => preflight(recipe, record.teacherDigest, { loader, teacher }, signal), {
      signal,
    });
    const checkpoint = await newestCheckpoint(adapters.objects, record.id, (error) =>
      logger.error({ run: record.id, err: error }, 'falling back to the checkpoint before'),
    );
    const stepsPerEpoch = stepsPerEpochOf(described.count, spec.batchSize);
    const momentum = optimizer.name === 'sgd' ? optimizer.momentum : 0;
    const rates = { lr: optimizer.lr, momentum, stepsPerEpoch, epochs };
    const step = checkpoint?.manifest.step ?? 0;
    const totalSteps = stepsPerEpoch * epochs;
    await thread.call('begin', {
      model: recipe.model,
      classes: described.classes,
      seed: recipe.seed,
      distiller: recipe.distiller,
      optimizer,
      labelSmoothing: recipe.labelSmoothing,
      stochasticDepth: recipe.stochasticDepth,
      mixed: isMixed(recipe.mix),
      statistics: { mean: described.mean, std: described.std },
      height: described.height,
      width: described.width,
      ...(checkpoint && {
        resume: {
          model: checkpoint.parts['model.safetensors'],
          optimizer: checkpoint.parts['optimizer.safetensors'],
        },
      }),
    });
    const request = { spec, from: checkpoint?.manifest.cursor ?? START, epochs, stepsPerEpoch };
    const feeds = { signal, onRetry: logRetries(logger, { run: record.id }) };
    const logits = { ...request, teacherDigest: record.teacherDigest, precision: recipe.logitPrecision };
    const history = checkpoint ? TrainingHistory.from(historyOf(record.id, checkpoint)) : TrainingHistory.empty();
    const progress = new ProgressMeter(record.id, stepsPerEpoch, totalSteps);
    const plan = { step, totalSteps, stepsPerEpoch, rates };
    const context = new TrainingContext(
      parts,
      record,
      recipe,
      plan,
      history,
      progress,
      stopping,
      openBatches(loader, request, feeds),
      openStepRows(teacher, logits, feeds),
    );
    context.#checkpoint = checkpoint?.manifest.step;
    await context.emit('started', String(record.attempt), {
      attempt: record.attempt,
      step,
      totalSteps,
      passedOver: { train: described.passedOver },
    });
    return context;
  }

  get newestCheckpoint(): number | undefined {
    return this.#checkpoint;
  }

  get needsTeacher(): boolean {
    return needsTeacher(this.recipe.distiller);
  }

  nextBatch(): Promise<Batch> {
    return this.batchFeed.take();
  }

  teacherLogits(): Promise<StepRows> {
    return this.logitFeed.take();
  }

  /** One step in the compute thread: forward, loss, gradients, update. */
  distill(batch: Batch, target: StepRows | undefined, step: number, rates: StepRates): Promise<StepResult> {
    const { pixels, labels, ownShare } = batch;
    const logits = target?.rows.values;
    return this.parts.thread.call(
      'step',
      {
        pixels,
        labels,
        ownShare,
        ...(logits && { teacherLogits: logits }),
        epoch: step / this.plan.stepsPerEpoch,
        step,
        rates,
      },
      [pixels.buffer, ...(logits ? [logits.buffer] : [])],
    );
  }

  /** Writes the state after `step` steps, unless another attempt has the run. */
  async checkpoint(step: number): Promise<void> {
    const { record, recipe, plan, parts } = this;
    const { objects, runs } = parts.adapters;
    await inSpan('checkpoint', { run: record.id, step }, async () => {
      await assertClaimed(runs, record);
      const state = await parts.thread.call('snapshot', undefined).catch((error: Error) => {
        throw isOf(error, WeightMismatchError) ? diverged(step, error.message, this.#checkpoint) : error;
      });
      const { stepsPerEpoch, totalSteps } = plan;
      const last = this.history.epochs.at(-1);
      await writeCheckpoint(
        objects,
        record.id,
        {
          step,
          totalSteps,
          cursor: cursorOf(step, stepsPerEpoch),
          rng: { generator: 'philox4x32-10', seed: recipe.seed, dataSeed: dataSeedOf(recipe) },
          attempt: record.attempt,
          metrics: last ? { loss: last.losses.total ?? 0, trainTop1: last.trainTop1 } : {},
        },
        {
          'model.safetensors': state.model,
          'optimizer.safetensors': state.optimizer,
          'history.json': this.history.encode(),
        },
      );
      this.#checkpoint = step;
      await pruneCheckpoints(objects, record.id, recipe.checkpoint.keepLast, await bestCheckpoint(objects, record.id));
      const epoch = step / stepsPerEpoch;
      await this.emit('checkpoint', String(step), { step, totalSteps, epoch, epochSummary: last ?? null });
    });
  }

  /** Once a second: is the run still ours, and how far is it. */
  async report(step: number): Promise<void> {
    const now = performance.now();
    const { plan, parts, record } = this;
    if (now - this.#lastReport < REPORT_MS && step !== plan.totalSteps) return;
    this.#lastReport = now;
    await assertClaimed(parts.adapters.runs, record);
    const progress = this.progress.current();
    parts.onProgress(progress);
    await this.emit('progress', `${record.attempt}.${step}`, progress);
  }

  emit(...[kind, id, data]: EventArguments): Promise<void> {
    return this.parts.adapters.events.publish(runEvent(this.record.id, kind, id, data, 'student-trainer'));
  }

  async close(): Promise<void> {
    await Promise.all([this.batchFeed.close(), this.logitFeed.close()]);
    await this.parts.thread.call('end', undefined);
  }
}
