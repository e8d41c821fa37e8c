import type { Logger } from '@mcld/platform/logging.js';
import type { FeedRetry } from './feed.js';

/** Logs each retry with its cause and count. @param about the run, say */
export function logRetries(logger: Logger, about: Readonly<Record<string, string>> = {}): (retry: FeedRetry) => void {
  return ({ what, service, error, retries, pauseMs }) =>
    logger.warn(
      { ...about, from: service, what, err: error, retries, pauseMs },
      `asking the ${service} again (${what}): ${error.message}`,
    );
}
