import { setTimeout as sleep } from 'node:timers/promises';
import { isOutOfReach } from './remote-error.js';

/** Tries in a row before a service counts as gone: about 6 seconds, in which a replica takes over or a pod restarts. */
const TRIES = 7;
const FIRST_MS = 100;
const LONGEST_MS = 2000;

async function pause(failures: number, error: unknown, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted || !isOutOfReach(error) || failures >= TRIES) throw error;
  await sleep(Math.min(LONGEST_MS, FIRST_MS * 2 ** failures), undefined, signal ? { signal } : {});
}

/** Calls again while the server is out of reach. The call must be safe to repeat. */
export async function retrying<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      await pause(failures, error, signal);
    }
  }
}

/**
 * A stream that goes on after its last item when its server goes out of reach.
 * @param open begins after `last`, or at the beginning where it is undefined
 */
export async function* resuming<T>(
  open: (last: T | undefined) => AsyncIterable<T>,
  signal?: AbortSignal,
): AsyncGenerator<T> {
  let last: T | undefined;
  for (let failures = 0; ; failures++) {
    try {
      for await (const item of open(last)) {
        last = item;
        failures = 0;
        yield item;
      }
      return;
    } catch (error) {
      await pause(failures, error, signal);
    }
  }
}
