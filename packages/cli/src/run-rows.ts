import { type Run, type RunProgress, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { waitText } from '@mcld/platform/waits/wait-text.js';
import { waitOfWire } from '@mcld/platform/waits/wait-wire.js';
import { durationText } from './remaining-time.js';
import { isUnderWay, shareOf, stateName } from './run-state.js';

/** A trainer is heard of each second, or says what it waits for: one that has been silent for longer may be gone. */
const SILENT_MS = 60_000;

/**
 * What `mcld get` shows of a run, by name.
 * @param now in ms
 */
export function runRows(run: Run, now: number): [name: string, value: string][] {
  const { waiting, progress } = run;
  return [
    ['run', run.id],
    ['state', stateName(run)],
    ['step', `${run.step} of ${run.totalSteps}`],
    ...optional(isUnderWay(run) && progress, (newest) => ['progress', progressText(newest, now)]),
    ...waiting.map((wait): [string, string] => {
      const { since, ...about } = waitOfWire(wait);
      return [wait.stage, `waits ${durationText(now - Date.parse(since))} ${waitText(about)}`];
    }),
    ...optional(silenceOf(run, now), (ms) => [
      'training',
      `has not been heard of for ${durationText(ms)}: is there a trainer?`,
    ]),
    ['attempt', String(run.attempt)],
    ['top-1', shareOf(run, 'top1')],
    ['teacher', run.teacherDigest || '–'],
    ['trace', run.traceId || '–'],
    ...optional(run.error, (error) => ['error', error]),
  ];
}

function optional<T>(value: T | false | undefined, row: (value: T) => [string, string]): [string, string][] {
  return value ? [row(value)] : [];
}

/** How long a run's trainer has said nothing, in ms; undefined where that is not too long. */
function silenceOf({ state, waiting, progress }: Run, now: number): number | undefined {
  if (state !== RunState.TRAINING || waiting.length > 0 || !progress?.time) return undefined;
  const ms = now - progress.time.getTime();
  return ms > SILENT_MS ? ms : undefined;
}

function progressText(progress: RunProgress, now: number): string {
  const { time, imagesPerSecond, batchWaitShare, teacherWaitShare, computeWaitShare } = progress;
  const age = time ? `${durationText(now - time.getTime())} ago` : 'at a time that is not known';
  const rate = imagesPerSecond > 0 ? `, ${Math.round(imagesPerSecond)} images/s` : '';
  const shares = { batches: batchWaitShare, logits: teacherWaitShare, compute: computeWaitShare };
  const waits = Object.entries(shares).map(([what, share]) => `${what} ${Math.round(100 * share)} %`);
  return `${age}${rate}, where a step waits: ${waits.join(', ')}`;
}
