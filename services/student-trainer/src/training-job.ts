import type { McldError } from '@mcld/errors/mcld-error.js';
import { clipped } from '@mcld/errors/text.js';
import type { WorkItem } from '@mcld/platform/bus/events.js';
import { failureText } from '@mcld/platform/grpc/remote-error.js';
import { FencedError } from '@mcld/platform/runs/checkpoints.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { runWaitWatch } from '@mcld/platform/waits/run-wait-watch.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { wireWait } from '@mcld/platform/waits/wait-wire.js';
import { defaultRetryPolicy, type RetryPolicy } from '@mcld/platform/work/retry-policy.js';
import type { Job, Retry, Work } from '@mcld/platform/work/serve-work.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { Checkpointing } from './checkpointing.js';
import { DivergedError } from './diverged.js';
import { type OpenRun, openRun } from './open-run.js';
import { ProgressMeter } from './progress.js';
import { Reporting } from './reporting.js';
import { CancelledError, claimRun, releaseRun } from './run-claim.js';
import { RunEvents } from './run-events.js';
import type { RunStatusUpdate, TrainerParts } from './trainer-parts.js';
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
  readonly #events: RunEvents;
  readonly #waits: WaitWatch;
  #meter: ProgressMeter | undefined;

  readonly parts: TrainerParts;

  constructor(
    parts: TrainerParts,
    readonly record: RunRecord<Recipe>,
    readonly inHand: RunsInHand,
  ) {
    const { id: run, attempt, teacherDigest } = record;
    const { adapters, waitAfterMs: afterMs, diagnosis } = parts;
    const logger = parts.logger.child({ run, attempt });
    this.parts = { ...parts, logger };
    const step = () => this.#meter?.step ?? record.step;
    this.#events = new RunEvents(adapters.events, run);
    this.#waits = runWaitWatch(
      { run, stage: 'training', source: 'student-trainer', attempt, step },
      { afterMs, logger, diagnose: (name) => diagnosis.of(name, teacherDigest) },
      adapters.events,
      () => parts.onStatus(this.status),
    );
  }

  /** How far it is, and what it waits for. */
  get status(): RunStatusUpdate {
    const progress = this.#meter?.current();
    const waiting = this.#waits.current.map((wait) => wireWait(wait, 'training'));
    return { runId: this.record.id, waiting, ...(progress && { progress }) };
  }

  async run(stopping: AbortSignal): Promise<'done' | 'unfinished'> {
    const { logger } = this.parts;
    logger.info('training');
    this.inHand.add(this);
    try {
      return await this.#attempt(stopping);
    } catch (error) {
      if (!(error instanceof CancelledError || error instanceof FencedError)) throw error;
      logger.info(error.message);
      return 'done';
    } finally {
      await this.#waits.settle();
      this.inHand.delete(this);
    }
  }

  async #attempt(stopping: AbortSignal): Promise<'done' | 'unfinished'> {
    const { attempt } = this.record;
    const open = await this.#open(stopping);
    const outcome = open ? await this.#train(open, stopping).finally(open.close) : 'unfinished';
    await this.#waits.settle();
    if (open && outcome === 'done') {
      this.parts.logger.info({ steps: open.plan.totalSteps }, 'trained');
      await this.#events.publish('trained', String(attempt), { step: open.plan.totalSteps, attempt });
    } else {
      await releaseRun(this.parts.adapters.runs, this.record);
      await this.#events.publish('interrupted', String(attempt), { attempt });
    }
    return outcome;
  }

  /** @returns undefined where it was stopped before it was open */
  async #open(stopping: AbortSignal): Promise<OpenRun | undefined> {
    try {
      return await openRun(this.parts, this.record, this.#waits, stopping);
    } catch (error) {
      if (stopping.aborted) return undefined;
      throw error;
    }
  }

  async #train(open: OpenRun, stopping: AbortSignal): Promise<'done' | 'unfinished'> {
    const { parts, record } = this;
    const { plan, step, passedOver } = open;
    const { attempt } = record;
    const meter = new ProgressMeter(record.id, plan.stepsPerEpoch, plan.totalSteps, step);
    this.#meter = meter;
    const checkpoints = new Checkpointing(parts, record, open, this.#events, this.#waits);
    const reports = new Reporting(parts, record, meter, this.#events, () => parts.onStatus(this.status));
    const { totalSteps } = plan;
    parts.logger.debug({ step, totalSteps, newest: checkpoints.newest }, 'the run is open');
    const data = { attempt, step, totalSteps, passedOver: { train: passedOver } };
    await this.#events.publish('started', String(attempt), data);
    return train({ ...open, meter, checkpoints, reports, waits: this.#waits, logger: parts.logger }, stopping);
  }

  /** What is out of reach for now is not the run's fault: another attempt goes on at the checkpoint. */
  async willRetry({ error, next, most, pauseMs }: Retry): Promise<void> {
    await releaseRun(this.parts.adapters.runs, this.record);
    const { attempt } = this.record;
    const retry = { reason: clipped(failureText(error), MOST_TOLD), next, most, pauseMs };
    await this.#events.publish('interrupted', String(attempt), { retry, attempt });
  }

  async gaveUp(error: McldError): Promise<void> {
    const { attempt } = this.record;
    const diverged = error instanceof DivergedError;
    const data = { error: clipped(failureText(error), MOST_TOLD), diverged, attempt };
    await this.#events.publish('failed', String(attempt), data);
  }
}
