import { pauseBeforeRetry, type RetryOptions } from '@mcld/platform/grpc/retrying.js';

interface ResumeOptions extends RetryOptions {
  /** Called for each item that comes: the failures before it are over. */
  readonly onItem?: () => void;
}

/**
 * A stream that goes on after its last item when its server goes out of reach.
 * @param open begins after `last`, or at the beginning where it is undefined
 */
export async function* resuming<T>(
  open: (last: T | undefined) => AsyncIterable<T>,
  options: ResumeOptions = {},
): AsyncGenerator<T> {
  let last: T | undefined;
  for (let failures = 1; ; failures++) {
    try {
      for await (const item of open(last)) {
        last = item;
        failures = 1;
        options.onItem?.();
        yield item;
      }
      return;
    } catch (error) {
      await pauseBeforeRetry(error, failures, options);
    }
  }
}
