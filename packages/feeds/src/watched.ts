import type { Retry, RetryOptions } from '@mcld/platform/grpc/retrying.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { WaitName } from '@mcld/platform/waits/wait.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { Feed } from './feed.js';
import { logRetries } from './log-retries.js';

/** Receives calls that take long. */
export interface CallWatch {
  readonly waits: WaitWatch;
  readonly logger: Logger;
  /** What the call is about, for the log. */
  readonly about?: Readonly<Record<string, string>>;
  /** Ends the retries. */
  readonly signal?: AbortSignal;
}

/**
 * A call that is made again while its service is out of reach: each retry is logged, and a long wait is reported.
 * @param call makes it, with the retries that the options ask for
 */
export function callWatched<T>(
  name: WaitName,
  call: (options: RetryOptions) => Promise<T>,
  { waits, logger, about, signal }: CallWatch,
): Promise<T> {
  const log = logRetries(logger, about);
  let last: Retry | undefined;
  const onRetry = (retry: Retry) => {
    last = retry;
    log({ ...name, ...retry });
  };
  return waits.during(
    name,
    () => call({ signal, onRetry }),
    () => last && { retries: last.retries, lastError: last.error.message },
  );
}

/** The next item of a feed that should have one; a long wait for it is reported. @throws StreamError as `take` */
export const takeWatched = <T>(feed: Feed<T>, waits: WaitWatch): Promise<T> =>
  waits.during(
    feed.name,
    () => feed.take(),
    () => feed.waiting,
  );

/** The items of a feed, which is closed when its consumer leaves; long waits are reported. */
export async function* watched<T>(feed: Feed<T>, waits: WaitWatch): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await waits.during(
        feed.name,
        () => feed.next(),
        () => feed.waiting,
      );
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await feed.close();
  }
}
