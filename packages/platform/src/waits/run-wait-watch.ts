import { type EventBus, runEvent } from '../bus/events.js';
import type { RunId } from '../ids.js';
import type { WaitStage } from './wait.js';
import { WaitWatch, type WaitWatchOptions } from './wait-watch.js';

/** Whose waits they are. */
export interface RunStage {
  readonly run: RunId;
  readonly stage: WaitStage;
  /** Who tells of them: 'student-trainer'. */
  readonly source: string;
  /** Of training; an evaluation belongs to none. */
  readonly attempt?: number;
  /** Steps done as of now. */
  step(): number;
}

/**
 * Watches the waits of a stage of a run, which become events besides. The logger names the run.
 * @param onChange called when a wait is reported, and when it has ended
 */
export function runWaitWatch(
  { run, stage, source, attempt, step }: RunStage,
  { logger, ...options }: Pick<WaitWatchOptions, 'afterMs' | 'logger' | 'diagnose'>,
  events: EventBus,
  onChange: () => void = () => {},
): WaitWatch {
  const ofAttempt = attempt === undefined ? {} : { attempt };
  return new WaitWatch({
    ...options,
    logger: logger.child({ stage }),
    onWait: async (wait, waitedMs) => {
      onChange();
      const data = { ...wait, stage, step: step(), ...ofAttempt };
      await events.publish(runEvent(run, 'waiting', `${stage}.${wait.since}.${waitedMs}`, data, source));
    },
    onEnd: async ({ service, what, since }, waitedMs) => {
      onChange();
      const data = { stage, service, what, waitedMs, step: step(), ...ofAttempt };
      await events.publish(runEvent(run, 'continued', `${stage}.${since}`, data, source));
    },
  });
}
