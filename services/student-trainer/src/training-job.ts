import type { McldError } from '@mcld/errors/mcld-error.js';
import { clipped } from '@mcld/errors/text.js';
import { type EventArguments, runEvent, type WorkItem } from '@mcld/platform/bus/events.js';
import { FencedError } from '@mcld/platform/runs/checkpoints.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { defaultRetryPolicy, type RetryPolicy } from '@mcld/platform/work/retry-policy.js';
import type { Job, Retry, Work } from '@mcld/platform/work/serve-work.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { DivergedError } from './diverged.js';
import { CancelledError, claimRun, releaseRun } from './run-claim.js';
import { type TrainerParts, TrainingContext } from './training-context.js';
import { train } from './training-run.js';

/** A run whose services are out of reach waits for two minutes and more in all. */
export const trainingRetries: RetryPolicy = {
  ...defaultRetryPolicy,
  maxAttempts: 8,
  firstPauseMs: 2000,
  factor: 2,
  longestPauseMs: 30_000,
};

/** Characters of an error that an event carries. */
const MOST_TOLD = 2000;

/** Runs in training here. */
export type RunsInHand = Set<TrainingJob>;

/** Runs from the work queue. @param inHand holds each while it is worked on */
export function trainingWork(parts: TrainerParts, inHand: RunsInHand): Work<WorkItem> {
  const { runs, work } = parts.adapters;
  return {
    name: 'train',
    policy: trainingRetries,
    take: (signal) => work.take('train', signal),
    about: ({ run }) => ({ run }),
    async begin({ run }) {
      const record = await claimRun(runs, run);
      return record && new TrainingJob(parts, record, inHand);
    },
  };
}

/** One attempt at a run that this process has claimed. */
export class TrainingJob implements Job {
  /** Once it is open. */
  context: TrainingContext | undefined;

  constructor(
    readonly parts: TrainerParts,
    readonly record: RunRecord<Recipe>,
    readonly inHand: RunsInHand,
  ) {}

  async run(stopping: AbortSignal): Promise<'done' | 'unfinished'> {
    const { logger } = this.parts;
    const { id, attempt } = this.record;
    logger.info({ run: id, attempt }, 'training');
    this.inHand.add(this);
    try {
      return await this.#train(stopping);
    } catch (error) {
      if (!(error instanceof CancelledError || error instanceof FencedError)) throw error;
      logger.info({ run: id, attempt }, error.message);
      return 'done';
    } finally {
      this.inHand.delete(this);
    }
  }

  async #train(stopping: AbortSignal): Promise<'done' | 'unfinished'> {
    const { parts, record } = this;
    const feeds = new AbortController();
    try {
      this.context = await TrainingContext.open(parts, record, () => stopping.aborted, feeds.signal);
      const isComplete = await train(this.context);
      if (isComplete) {
        await this.#emit('trained', String(record.attempt), {
          step: this.context.plan.totalSteps,
          attempt: record.attempt,
        });
        return 'done';
      }
    } finally {
      feeds.abort();
      await this.context?.close();
    }
    await releaseRun(parts.adapters.runs, record);
    await this.#emit('interrupted', String(record.attempt), { attempt: record.attempt });
    return 'unfinished';
  }

  /** What is out of reach for now is no fault of the run: another attempt goes on at the checkpoint. */
  async willRetry({ error, next, most, pauseMs }: Retry): Promise<void> {
    await releaseRun(this.parts.adapters.runs, this.record);
    const retry = { reason: clipped(error.message, MOST_TOLD), next, most, pauseMs };
    const { attempt } = this.record;
    await this.#emit('interrupted', String(attempt), { retry, attempt });
  }

  async gaveUp(error: McldError): Promise<void> {
    const { attempt } = this.record;
    const diverged = error instanceof DivergedError;
    await this.#emit('failed', String(attempt), { error: clipped(error.message, MOST_TOLD), diverged, attempt });
  }

  #emit(...[kind, id, data]: EventArguments): Promise<void> {
    return this.parts.adapters.events.publish(runEvent(this.record.id, kind, id, data, 'student-trainer'));
  }
}
