import type { Batch } from '@mcld/feeds/batches.js';
import { cursorOf, isSameCursor } from '@mcld/feeds/cursors.js';
import type { StepRows } from '@mcld/feeds/step-rows.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import type { StepRates } from '@mcld/tensor/optimizer.js';
import { ratesAt } from '@mcld/tensor/schedule.js';
import { diverged } from './diverged.js';
import type { TrainingContext } from './training-context.js';
import type { StepResult } from './worker.js';

/**
 * The training loop. It ends when all steps are done or `stop` is set; either way with a checkpoint,
 * from whose cursor a later attempt goes on to the same bytes.
 * @returns whether the run is complete
 */
export async function train(run: TrainingContext): Promise<boolean> {
  const { plan, progress } = run;
  for (let step = plan.step; step < plan.totalSteps; step++) {
    if (run.stopping()) {
      await run.checkpoint(step);
      return false;
    }
    const rates = ratesAt(run.recipe.schedule, plan.rates, step);
    const { images, result } = await sampled(step)('step', { step }, () => oneStep(run, step, rates));
    const losses = namedLosses(result, images, step, run.newestCheckpoint);
    progress.stepDone(step, images, rates.lr, losses);
    run.history.addStep(images, result.correct, losses);
    await endOfStep(run, step + 1, rates);
  }
  return true;
}

/** nextBatch → teacherLogits → distill. */
async function oneStep(
  run: TrainingContext,
  step: number,
  rates: StepRates,
): Promise<{ images: number; result: StepResult }> {
  const { plan, progress } = run;
  const span = sampled(step);
  const batch = await span('batch', {}, () => progress.waiting('batch', run.nextBatch()));
  const target = run.needsTeacher
    ? await span('teacher', {}, () => progress.waiting('teacher', run.teacherLogits()))
    : undefined;
  assertSameStep(step, plan.stepsPerEpoch, batch, target);
  const images = batch.labels.length;
  return { images, result: await run.distill(batch, target, step, rates) };
}

/** Closes the epoch, writes the checkpoint that is due, and tells how far the run is. */
async function endOfStep(run: TrainingContext, done: number, { lr }: StepRates): Promise<void> {
  const { plan, recipe, history } = run;
  if (done % plan.stepsPerEpoch === 0) {
    const epoch = done / plan.stepsPerEpoch;
    history.endEpoch(epoch, done, lr);
    if (epoch % recipe.checkpoint.everyEpochs === 0 || done === plan.totalSteps) await run.checkpoint(done);
  }
  await run.report(done);
}

/** @throws DivergedError for a loss term, or logits behind it, that are no finite numbers */
function namedLosses(
  { losses, termNames, nonFinite }: StepResult,
  images: number,
  step: number,
  checkpoint: number | undefined,
): Record<string, number> {
  const named = Object.fromEntries(termNames.map((name, i) => [name, losses[i] as number]));
  const bad = termNames.find((name) => !Number.isFinite(named[name]));
  if (bad) throw diverged(step, `the loss term '${bad}' is ${named[bad]}`, checkpoint);
  if (nonFinite === 0) return named;
  throw diverged(step, `the logits of ${nonFinite} of ${images} images are no finite numbers`, checkpoint);
}

function assertSameStep(step: number, stepsPerEpoch: number, batch: Batch, target: StepRows | undefined): void {
  const expected = cursorOf(step, stepsPerEpoch);
  for (const [source, cursor] of [
    ['batch', batch.cursor],
    ['teacher', target?.cursor],
  ] as const) {
    if (cursor && !isSameCursor(cursor, expected)) {
      throw new Error(`${source} of epoch ${cursor.epoch}, step ${cursor.step} came for ${JSON.stringify(expected)}`);
    }
  }
}

/** One step in a hundred is traced: spans for each would outweigh everything else in the trace. */
const sampled = (step: number): typeof inSpan => (step % 100 === 0 ? inSpan : untraced);

const untraced = <T>(_name: string, _attributes: object, action: () => Promise<T>): Promise<T> => action();
