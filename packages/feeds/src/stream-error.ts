import { McldError } from '@mcld/errors/mcld-error.js';

/**
 * Thrown for a stream that is not as its service promises: pieces that do not fit, an item without its cursor, an end
 * too early.
 */
export class StreamError extends McldError {
  static override readonly meaning = { status: 'INTERNAL', reason: 'BROKEN_STREAM', retryable: false } as const;
}
