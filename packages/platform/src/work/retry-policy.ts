import { setTimeout as sleep } from 'node:timers/promises';
import type { McldError } from '@mcld/errors/mcld-error.js';

/** Rests between attempts, each longer than the last. */
export interface Backoff {
  /** Before the second attempt, in ms. */
  readonly firstPauseMs: number;
  /** What each rest is multiplied by to get the next one; 1 keeps them equal. */
  readonly factor: number;
  /** Longest rest, in ms. */
  readonly longestPauseMs: number;
}

/** How often work is tried, and how long it rests in between. */
export interface RetryPolicy extends Backoff {
  /** Deliveries in all of work that fails by a retryable error, before it is given up; at least 1, may be infinite. */
  readonly maxAttempts: number;
  /** The same for work that fails by any other error: 1 gives it up at once. */
  readonly maxAttemptsOtherwise: number;
  /** Between two signs of life to the queue while work is being done, in ms; the queue waits 30 s for one. */
  readonly heartbeatMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: 5,
  maxAttemptsOtherwise: 1,
  firstPauseMs: 2000,
  factor: 2,
  longestPauseMs: 30_000,
  heartbeatMs: 5000,
};

/** Pause after this many failed attempts, in ms. @param attempt counts from 1 */
export const pauseAfter = ({ firstPauseMs, factor, longestPauseMs }: Backoff, attempt: number): number =>
  Math.min(longestPauseMs, firstPauseMs * factor ** (attempt - 1));

/** Deliveries in all that work gets which failed with this error. */
export const attemptsFor = ({ maxAttempts, maxAttemptsOtherwise }: RetryPolicy, { retryable }: McldError): number =>
  retryable ? maxAttempts : maxAttemptsOtherwise;

/** Rests; ends early, without an error, once the signal is aborted. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
