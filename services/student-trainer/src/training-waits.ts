import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { RunEvents } from './run-events.js';
import type { TrainerParts } from './trainer-parts.js';

/**
 * Tells of a run's waits: in the log, as events, and to streams.
 * @param stepsDone as of now
 * @param onChange called when a wait is told of, and when it has ended
 */
export function trainingWaits(
  { logger, waitAfterMs, diagnosis }: Pick<TrainerParts, 'logger' | 'waitAfterMs' | 'diagnosis'>,
  { id: run, attempt, teacherDigest }: RunRecord,
  events: RunEvents,
  stepsDone: () => number,
  onChange: () => void,
): WaitWatch {
  const about = () => ({ stage: 'training', step: stepsDone(), attempt }) as const;
  return new WaitWatch({
    afterMs: waitAfterMs,
    logger: logger.child({ run, attempt }),
    diagnose: (name) => diagnosis.of(name, teacherDigest),
    onWait: async (wait) => {
      onChange();
      await events.publish('waiting', `${attempt}.${wait.since}.${Date.now()}`, { ...wait, ...about() });
    },
    onEnd: async ({ service, what, since }, waitedMs) => {
      onChange();
      await events.publish('continued', `${attempt}.${since}`, { service, what, waitedMs, ...about() });
    },
  });
}
