import { setTimeout as sleep } from 'node:timers/promises';
import { McldError } from '@mcld/errors/mcld-error.js';
import { type Backoff, pauseAfter } from '../work/retry-policy.js';
import { isOutOfReach } from './remote-error.js';

/**
 * Failures in a row after which a service counts as gone: about 6 seconds, in which a replica takes over or a pod
 * restarts.
 */
const MOST_FAILURES = 7;

/** Between calls: short, since somebody waits for the answer. */
const BACKOFF: Backoff = { firstPauseMs: 100, factor: 2, longestPauseMs: 2000 };

/** A call that is about to be made again. */
export interface Retry {
  readonly error: McldError;
  /** Failures in a row so far. */
  readonly retries: number;
  /** Before the next try. */
  readonly pauseMs: number;
}

export interface RetryOptions {
  /** Ends the retries. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each pause. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/**
 * Waits before a call is made again.
 * @param failures in a row, this one among them
 * @throws `error` itself where another try would not help, was not asked for, or would be one too many
 */
export async function pauseBeforeRetry(
  error: unknown,
  failures: number,
  { signal, onRetry }: RetryOptions,
): Promise<void> {
  if (signal?.aborted || !isOutOfReach(error) || failures > MOST_FAILURES) throw error;
  const pauseMs = pauseAfter(BACKOFF, failures);
  onRetry?.({ error: McldError.from(error), retries: failures, pauseMs });
  await sleep(pauseMs, undefined, signal ? { signal } : {});
}

/**
 * Calls again while the server is out of reach. The call must be safe to repeat.
 *
 * Libraries retry less: nice-grpc-client-middleware-retry passes over streams and knows single calls only, where a
 * fetch of pixels is a stream that is read whole, and a run's preflight many calls; grpc-js's own policy tries five
 * times at most and tells nobody. Both would stand beside this rule, which streams that resume need anyway.
 */
export async function retrying<T>(call: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      await pauseBeforeRetry(error, failures, options);
    }
  }
}
