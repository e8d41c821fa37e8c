import { inSpan } from '@mcld/platform/telemetry.js';
import type { Checkpointing } from './checkpointing.js';
import { diverged } from './diverged.js';
import type { OpenRun } from './open-run.js';
import type { ProgressMeter } from './progress.js';
import type { Reporting } from './reporting.js';
import type { Student } from './student.js';
import type { StepResult } from './worker.js';

/** What the training loop works with. */
export interface TrainingRun extends Pick<OpenRun, 'plan' | 'step' | 'history'> {
  readonly feeds: Pick<OpenRun['feeds'], 'needsTeacher' | 'nextBatch' | 'teacherLogits'>;
  readonly student: Pick<Student, 'distill'>;
  readonly meter: ProgressMeter;
  readonly checkpoints: Pick<Checkpointing, 'newest' | 'isDue' | 'write'>;
  readonly reports: Pick<Reporting, 'report'>;
}

/**
 * The training loop. It ends when all steps are done or `stopping` is aborted; either way with a checkpoint, from whose
 * cursor a later attempt goes on to the same bytes.
 */
export async function train(run: TrainingRun, stopping: AbortSignal): Promise<'done' | 'unfinished'> {
  const { plan, history, meter, checkpoints, reports } = run;
  for (let step = run.step; step < plan.totalSteps; step++) {
    if (stopping.aborted) {
      await checkpoints.write(step);
      return 'unfinished';
    }
    const { images, result } = await sampled(step)('step', { step }, () => oneStep(run, step));
    const losses = finiteLosses(result, images, step, checkpoints.newest);
    const { lr } = plan.ratesAt(step);
    meter.stepDone(step, images, lr, losses);
    history.addStep(images, result.correct, losses);
    await endOfStep(run, step + 1, lr);
    await reports.report(step + 1);
  }
  return 'done';
}

/** nextBatch → teacherLogits → distill. */
async function oneStep(
  { plan, feeds, student, meter }: TrainingRun,
  step: number,
): Promise<{ images: number; result: StepResult }> {
  const span = sampled(step);
  const cursor = plan.cursorAt(step);
  const batch = await span('batch', {}, () => meter.waiting('batch', feeds.nextBatch(cursor)));
  const target = feeds.needsTeacher
    ? await span('teacher', {}, () => meter.waiting('teacher', feeds.teacherLogits(cursor)))
    : undefined;
  const images = batch.labels.length;
  return { images, result: await student.distill(batch, target, step) };
}

/** Closes the epoch that ends with a step, and writes the checkpoint that is due then. @param done steps done */
async function endOfStep({ plan, history, checkpoints }: TrainingRun, done: number, lr: number): Promise<void> {
  if (done % plan.stepsPerEpoch !== 0) return;
  const epoch = done / plan.stepsPerEpoch;
  history.endEpoch(epoch, done, lr);
  if (checkpoints.isDue(epoch)) await checkpoints.write(done);
}

/** @throws DivergedError for a loss term, or logits behind it, that are not finite */
function finiteLosses(
  { losses, nonFinite }: StepResult,
  images: number,
  step: number,
  checkpoint: number | undefined,
): StepResult['losses'] {
  const bad = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
  if (bad) throw diverged(step, `the loss term '${bad[0]}' is ${bad[1]}`, checkpoint);
  if (nonFinite === 0) return losses;
  throw diverged(step, `the logits of ${nonFinite} of ${images} images are no finite numbers`, checkpoint);
}

/** One step in a hundred is traced: spans for each would outweigh everything else in the trace. */
const sampled = (step: number): typeof inSpan => (step % 100 === 0 ? inSpan : untraced);

const untraced = <T>(_name: string, _attributes: object, action: () => Promise<T>): Promise<T> => action();
