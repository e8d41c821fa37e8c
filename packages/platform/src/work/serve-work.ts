import { McldError } from '@mcld/errors/mcld-error.js';
import type { Delivery } from '../bus/events.js';
import type { Logger } from '../logging.js';
import { inSpan } from '../telemetry.js';
import { attemptsFor, pauseAfter, type RetryPolicy, rest } from './retry-policy.js';

/** An attempt that failed and is followed by another. */
export interface Retry {
  readonly error: McldError;
  /** The attempt that follows, and the most there may be. */
  readonly next: number;
  readonly most: number;
  /** Until then, in ms. */
  readonly pauseMs: number;
}

/** One delivery being worked on. Each method is called once at most, and `willRetry` or `gaveUp` after `run` threw. */
export interface Job {
  /**
   * Does the work.
   * @param stopping aborted when the service drains: the job then ends as soon as it can, with nothing lost
   * @returns 'unfinished' gives the work back at once, for another service to go on with
   */
  run(stopping: AbortSignal): Promise<'done' | 'unfinished'>;
  /** Says that another attempt follows, before the work is given back. */
  willRetry?(retry: Retry): Promise<void>;
  /** Says that no attempt follows, before the work is acknowledged. */
  gaveUp?(error: McldError): Promise<void>;
}

/** A kind of work and where it comes from. */
export interface Work<T> {
  /** Names it in log lines and spans: `train`. */
  readonly name: string;
  readonly policy: RetryPolicy;
  /** Deliveries until the signal is aborted, one at a time: the next is asked for when the last is settled. */
  take(signal: AbortSignal): AsyncIterable<Delivery<T>>;
  /** What identifies an item in spans and log lines. */
  about(body: T): Readonly<Record<string, string | number>>;
  /** The span's name where it is not the work's; undefined: no span. */
  spanOf?(body: T): string | undefined;
  /** Makes a job of an item. @returns undefined where there is nothing to do: it is acknowledged */
  begin(body: T): Promise<Job | undefined>;
}

export interface WorkServer {
  /** Takes no more work, and waits for the current job, whose signal is aborted. */
  stop(): Promise<void>;
}

/**
 * Works on deliveries, one after another, until it is stopped. Nothing that a job throws ends the loop: failed work is
 * given back to be tried again as its policy says, then given up; where even that fails, the queue delivers it again.
 */
export function serveWork<T>(work: Work<T>, logger: Logger): WorkServer {
  const stopping = new AbortController();
  const running = takeAll(work, logger, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function takeAll<T>(work: Work<T>, logger: Logger, stopping: AbortSignal): Promise<void> {
  for (let failures = 0; !stopping.aborted; failures++) {
    try {
      for await (const delivery of work.take(stopping)) {
        failures = 0;
        const { body, context } = delivery;
        const span = work.spanOf ? work.spanOf(body) : work.name;
        const action = () => handle(work, delivery, logger, stopping);
        await (span === undefined ? action() : inSpan(span, work.about(body), action, context));
      }
      return;
    } catch (error) {
      const pauseMs = pauseAfter(work.policy, failures + 1);
      logger.error(
        { work: work.name, failures: failures + 1, pauseMs, err: error },
        'cannot take work; will ask again',
      );
      await rest(pauseMs, stopping);
    }
  }
}

async function handle<T>(work: Work<T>, delivery: Delivery<T>, logger: Logger, stopping: AbortSignal): Promise<void> {
  const about = { work: work.name, ...work.about(delivery.body), delivery: delivery.attempt };
  const heartbeat = setInterval(() => delivery.working(), work.policy.heartbeatMs);
  try {
    await attempt(work, delivery, logger.child(about), stopping);
  } catch (error) {
    const pauseMs = pauseAfter(work.policy, delivery.attempt);
    logger.error({ ...about, pauseMs, err: error }, 'giving work back');
    await delivery.release(pauseMs).catch(() => {});
  } finally {
    clearInterval(heartbeat);
  }
}

async function attempt<T>(work: Work<T>, delivery: Delivery<T>, logger: Logger, stopping: AbortSignal): Promise<void> {
  const job = await work.begin(delivery.body);
  if (!job) {
    logger.debug('there is nothing to do');
    return delivery.ack();
  }
  let outcome: Awaited<ReturnType<Job['run']>>;
  try {
    outcome = await job.run(stopping);
  } catch (thrown) {
    return failed(job, McldError.from(thrown), work.policy, delivery, logger);
  }
  return outcome === 'done' ? delivery.ack() : delivery.release(0);
}

async function failed<T>(
  job: Job,
  error: McldError,
  policy: RetryPolicy,
  delivery: Delivery<T>,
  logger: Logger,
): Promise<void> {
  const most = attemptsFor(policy, error);
  if (delivery.attempt >= most) {
    logger.error({ err: error }, 'work failed; giving it up');
    await job.gaveUp?.(error);
    return delivery.ack();
  }
  const retry = { error, next: delivery.attempt + 1, most, pauseMs: pauseAfter(policy, delivery.attempt) };
  logger.warn({ next: retry.next, most, pauseMs: retry.pauseMs, err: error }, 'work failed; will try again');
  await job.willRetry?.(retry);
  return delivery.release(retry.pauseMs);
}
