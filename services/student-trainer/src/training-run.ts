import type { Logger } from '@mcld/platform/logging.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { abortable, isAbortError } from 'abort-controller-x';
import type { Checkpointing } from './checkpointing.js';
import { diverged } from './diverged.js';
import type { OpenRun } from './open-run.js';
import type { ProgressMeter, WaitKind } from './progress.js';
import type { Reporting } from './reporting.js';
import type { TeacherRows } from './run-feeds.js';
import type { Student } from './student.js';
import type { StepResult } from './worker.js';

/** What the training loop works with. */
export interface TrainingRun extends Pick<OpenRun, 'plan' | 'step' | 'history'> {
  readonly feeds: Pick<OpenRun['feeds'], 'needsTeacher' | 'nextBatch' | 'teacherRows'>;
  readonly student: Pick<Student, 'distill'>;
  readonly meter: ProgressMeter;
  readonly waits: WaitWatch;
  readonly logger: Logger;
  readonly checkpoints: Pick<Checkpointing, 'newest' | 'isDue' | 'write'>;
  readonly reports: Pick<Reporting, 'report'>;
}

/**
 * The training loop. It ends when all steps are done or `stopping` is aborted, also while it waits for data; either way
 * with a checkpoint, from whose cursor a later attempt goes on to the same bytes.
 */
export async function train(run: TrainingRun, stopping: AbortSignal): Promise<'done' | 'unfinished'> {
  const { plan, history, meter, checkpoints, reports, logger } = run;
  for (let step = run.step; step < plan.totalSteps; step++) {
    const done = await sampled(step)('step', { step }, () => oneStep(run, step, stopping));
    if (!done) {
      await checkpoints.write(step);
      return 'unfinished';
    }
    const { images, result } = done;
    const losses = finiteLosses(result, images, step, checkpoints.newest);
    const { lr } = plan.ratesAt(step);
    if (step === run.step) logger.debug({ step, images, waitedMs: meter.waited() }, 'the first step is done');
    meter.stepDone(step, images, lr, losses);
    history.addStep(images, result.correct, losses);
    await endOfStep(run, step + 1, lr);
    await reports.report(step + 1);
  }
  return 'done';
}

interface DoneStep {
  readonly images: number;
  readonly result: StepResult;
}

/** nextBatch → teacherRows → distill. @returns undefined where the run is stopped before the student's turn */
async function oneStep(run: TrainingRun, step: number, stopping: AbortSignal): Promise<DoneStep | undefined> {
  if (stopping.aborted) return undefined;
  const { plan, feeds, student, meter, waits } = run;
  const span = sampled(step);
  const cursor = plan.cursorAt(step);
  const wait = <T>(kind: WaitKind, action: () => Promise<T>) => span(kind, {}, () => meter.waiting(kind, action()));
  try {
    const batch = await abortable(
      stopping,
      wait('batch', () => feeds.nextBatch(cursor)),
    );
    const teacher: TeacherRows = feeds.needsTeacher
      ? await abortable(
          stopping,
          wait('teacher', () => feeds.teacherRows(cursor)),
        )
      : new Map();
    const images = batch.labels.length;
    const distill = () =>
      waits.during({ service: 'compute thread', what: 'a step' }, () => student.distill(batch, teacher, step));
    return { images, result: await wait('compute', distill) };
  } catch (error) {
    if (stopping.aborted && isAbortError(error)) return undefined;
    throw error;
  }
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
  throw diverged(step, `the logits of ${nonFinite} of ${images} images are not finite`, checkpoint);
}

/** One step in a hundred is traced: spans for each would outweigh everything else in the trace. */
const sampled = (step: number): typeof inSpan => (step % 100 === 0 ? inSpan : untraced);

const untraced = <T>(_name: string, _attributes: object, action: () => Promise<T>): Promise<T> => action();
