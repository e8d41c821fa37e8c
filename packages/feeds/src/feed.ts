import type { Retry } from '@mcld/platform/grpc/retrying.js';
import { prefetch } from './prefetch.js';
import { resuming } from './resuming.js';
import { StreamError } from './stream-error.js';

/** What a feed brings, and who sends it: for people. */
export interface FeedName {
  /** 'batches', say. */
  readonly what: string;
  /** 'data loader', say. */
  readonly service: string;
}

/** A wait of a feed's consumer. */
export interface Waiting extends FeedName {
  readonly since: Date;
  /** Failures in a row of the awaited service; 0: it can be reached, but sends nothing. */
  readonly retries: number;
  /** Of the newest of these failures. */
  readonly lastError: string | undefined;
}

/** A stream that is about to be asked for again. */
export interface FeedRetry extends FeedName, Retry {}

export interface FeedOptions {
  /** Ends the feed. */
  readonly signal?: AbortSignal;
  /** Called before each pause before a retry. */
  readonly onRetry?: (retry: FeedRetry) => void;
  /** Items fetched ahead of the one that the consumer works on. */
  readonly ahead?: number;
}

/**
 * The items of a stream, in order, a few of them ahead; when its server goes out of reach it goes on after the last
 * item, with another replica where there is one. One consumer reads it.
 */
export class Feed<T> implements AsyncIterableIterator<T> {
  readonly #items: AsyncGenerator<T>;
  readonly #closing = new AbortController();
  /** Milliseconds since the epoch. */
  #since: number | undefined;
  #retry: Retry | undefined;

  /**
   * @param open the stream's items after `last`, or from the first on where it is undefined
   * @param options.ahead 0 where it is absent: each item is fetched when it is asked for
   */
  constructor(
    readonly name: FeedName,
    open: (last: T | undefined, signal: AbortSignal) => AsyncIterable<T>,
    { signal: outer, onRetry, ahead = 0 }: FeedOptions = {},
  ) {
    const signal = outer ? AbortSignal.any([outer, this.#closing.signal]) : this.#closing.signal;
    const items = resuming((last: T | undefined) => open(last, signal), {
      signal,
      onItem: () => {
        this.#retry = undefined;
      },
      onRetry: (retry) => {
        this.#retry = retry;
        onRetry?.({ ...name, ...retry });
      },
    });
    this.#items = ahead > 0 ? prefetch(items, ahead) : items;
  }

  /** Undefined while nobody waits. */
  get waiting(): Waiting | undefined {
    if (this.#since === undefined) return undefined;
    const { retries = 0, error } = this.#retry ?? {};
    return { ...this.name, since: new Date(this.#since), retries, lastError: error?.message };
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    this.#since = Date.now();
    try {
      return await this.#items.next();
    } finally {
      this.#since = undefined;
    }
  }

  /** The next item of a feed that should have one. @throws StreamError where the service ended its stream */
  async take(): Promise<T> {
    const next = await this.next();
    if (next.done) throw new StreamError(`the ${this.name.service} ended its stream of ${this.name.what} too early`);
    return next.value;
  }

  /** Ends the stream, also while an item is awaited. */
  async close(): Promise<void> {
    this.#closing.abort();
    // Nobody handles the error of a stream that was ended on purpose.
    await this.#items.return(undefined).catch(() => {});
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
