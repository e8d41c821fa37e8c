import { McldError } from '@mcld/errors/mcld-error.js';
import { clipped } from '@mcld/errors/text.js';
import type { EventData, EventKind } from '@mcld/platform/bus/event-data.js';
import type { WorkDelivery, WorkItem } from '@mcld/platform/bus/events.js';
import { runEvent } from '@mcld/platform/bus/events.js';
import { FencedError } from '@mcld/platform/runs/checkpoints.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import { DivergedError } from './diverged.js';
import { CancelledError, claimRun, releaseRun } from './run-claim.js';
import { type TrainerParts, TrainingContext } from './training-context.js';
import { train } from './training-run.js';

/** How often the queue is told that the work is alive; it gives up after 30 s. */
const HEARTBEAT_MS = 5000;

/** Before the second attempt; twice as long before each one after it. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 30_000;

/** Deliveries of a run whose services are out of reach, before it is failed. */
const MAX_ATTEMPTS = 8;

/** Characters of an error that an event carries. */
const MOST_TOLD = 2000;

/** An event's kind and what it carries. */
type EndingOf<K extends EventKind> = [kind: K, data: EventData[K]];

/** Takes runs from the work queue, one at a time, until `stop`. */
export class WorkLoop {
  #stopping = false;
  #current: { record: RunRecord; context?: TrainingContext } | undefined;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(readonly parts: TrainerParts) {}

  start(): void {
    this.#running = this.#run();
  }

  /** The run in hand. */
  get current(): { record: RunRecord; context?: TrainingContext } | undefined {
    return this.#current;
  }

  /** Finishes the step in hand, checkpoints, gives the run back and takes no more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { work } = this.parts.adapters;
    for await (const delivery of work.take('train', this.#abort.signal)) {
      const heartbeat = setInterval(() => delivery.working(), HEARTBEAT_MS);
      try {
        await inSpan('train', { run: delivery.body.run }, () => this.#attempt(delivery), delivery.context);
      } catch (error) {
        this.parts.logger.error({ run: delivery.body.run, err: error }, 'giving work back');
        await delivery.release(5000).catch(() => {});
      } finally {
        clearInterval(heartbeat);
        this.#current = undefined;
      }
      if (this.#stopping) return;
    }
  }

  async #attempt(delivery: WorkDelivery<WorkItem>): Promise<void> {
    const { adapters, logger } = this.parts;
    const record = await claimRun(adapters.runs, delivery.body.run);
    if (!record) return delivery.ack();
    this.#current = { record };
    logger.info({ run: record.id, attempt: record.attempt }, 'training');
    const feeds = new AbortController();
    try {
      const context = await TrainingContext.open(this.parts, record, () => this.#stopping, feeds.signal);
      this.#current = { record, context };
      const complete = await train(context).finally(() => {
        feeds.abort();
        return context.close();
      });
      if (complete) {
        const { totalSteps } = context.plan;
        await context.emit('trained', String(record.attempt), { step: totalSteps, attempt: record.attempt });
        return delivery.ack();
      }
      await releaseRun(adapters.runs, record);
      await context.emit('interrupted', String(record.attempt), { attempt: record.attempt });
      return delivery.release(0);
    } catch (error) {
      await this.#failed(error as Error, record, delivery);
    }
  }

  async #failed(error: Error, record: RunRecord, delivery: WorkDelivery<WorkItem>): Promise<void> {
    const { adapters, logger } = this.parts;
    if (error instanceof CancelledError || error instanceof FencedError) {
      logger.info({ run: record.id }, error.message);
      return delivery.ack();
    }
    const why = clipped(error.message, MOST_TOLD);
    const { attempt } = record;
    const tell = (...[kind, data]: EndingOf<'interrupted'> | EndingOf<'failed'>) =>
      adapters.events.publish(runEvent(record.id, kind, String(attempt), data, 'student-trainer'));
    // A service that is restarting is no fault of the run: another attempt goes on at the checkpoint.
    if (McldError.from(error).retryable && delivery.attempt < MAX_ATTEMPTS) {
      logger.warn({ run: record.id, err: error }, 'will try again');
      await releaseRun(adapters.runs, record);
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (delivery.attempt - 1));
      const retry = { reason: why, next: delivery.attempt + 1, most: MAX_ATTEMPTS, pauseMs };
      await tell('interrupted', { retry, attempt });
      return delivery.release(pauseMs);
    }
    logger.error({ run: record.id, err: error }, 'training failed');
    await tell('failed', { error: why, diverged: error instanceof DivergedError, attempt });
    return delivery.ack();
  }
}
