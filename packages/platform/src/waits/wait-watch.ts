import { clipped } from '@mcld/errors/text.js';
import type { Logger } from '../logging.js';
import type { Wait, WaitName } from './wait.js';
import { waitText } from './wait-text.js';

/** What is known of a service that is waited for. */
export type Diagnosis = Pick<Wait, 'address' | 'answer' | 'because'>;

/** Failures behind a wait. */
export interface Failures {
  readonly retries: number;
  readonly lastError?: string | undefined;
}

export interface WaitWatchOptions {
  /** How long a wait may last before it is reported, in ms. */
  readonly afterMs: number;
  readonly logger: Logger;
  /** Finds out about a service, in a few seconds at most; called once a wait is reported. */
  readonly diagnose?: (name: WaitName) => Promise<Diagnosis>;
  /** Called when a wait has lasted too long, and again each time that it has doubled. @param waitedMs until now */
  readonly onWait?: (wait: Wait, waitedMs: number) => void | Promise<void>;
  /** Called when what was waited for has come, or cannot come any more. @param waitedMs in all */
  readonly onEnd?: (wait: Wait, waitedMs: number) => void | Promise<void>;
}

/** Characters of an error that a wait carries. */
const MOST_SHOWN = 300;

/** A wait that is as long as usual is not worth a word: so much longer than the last one of its name. */
const UNUSUAL = 2;

/** A wait that is going on. */
interface Pending {
  readonly name: WaitName;
  readonly since: string;
  /** Monotonic, in ms. */
  readonly start: number;
  readonly failures: (() => Failures | undefined) | undefined;
  timer?: NodeJS.Timeout;
  /** As listeners know it; absent before they do. */
  told?: Wait;
  isOver: boolean;
}

/**
 * Notices silence: a wait that lasts too long is logged and reported, with what it is for and since when; so is its
 * end. Waits may overlap; of several for the same thing the first is reported.
 *
 * @example
 * const batch = await waits.during({ service: 'data loader', what: 'batches' }, () => feed.take(), () => feed.waiting);
 */
export class WaitWatch {
  readonly #pending = new Set<Pending>();
  /** How long the last wait of each name took, in ms. */
  readonly #usual = new Map<string, number>();
  /** Listeners are called one at a time, in order. */
  #telling: Promise<void> = Promise.resolve();

  constructor(readonly options: WaitWatchOptions) {}

  /** The waits that have lasted too long, and still do. */
  get current(): readonly Wait[] {
    return [...this.#pending].flatMap(({ told }) => (told ? [told] : []));
  }

  /** @param failures that caused the wait, as they are when it is reported; undefined: none */
  async during<T>(name: WaitName, action: () => Promise<T>, failures?: Pending['failures']): Promise<T> {
    const key = `${name.service}/${name.what}`;
    const since = new Date().toISOString();
    const pending: Pending = { name, since, start: performance.now(), failures, isOver: false };
    this.#pending.add(pending);
    this.#tellAfter(pending, Math.max(this.options.afterMs, UNUSUAL * (this.#usual.get(key) ?? 0)));
    try {
      return await action();
    } finally {
      clearTimeout(pending.timer);
      pending.isOver = true;
      this.#pending.delete(pending);
      const waitedMs = Math.round(performance.now() - pending.start);
      this.#usual.set(key, waitedMs);
      if (waitedMs >= this.options.afterMs) this.#tell(() => this.#tellEnd(pending, waitedMs));
    }
  }

  /** Waits until listeners have been called for all that has happened. */
  async settle(): Promise<void> {
    await this.#telling;
  }

  #tellAfter(pending: Pending, ms: number): void {
    pending.timer = setTimeout(() => {
      this.#tell(() => this.#tellOf(pending));
      this.#tellAfter(pending, performance.now() - pending.start);
    }, ms).unref();
  }

  async #tellOf(pending: Pending): Promise<void> {
    const { logger, diagnose, onWait } = this.options;
    const { name, since, start, failures } = pending;
    if (this.#isToldOf(pending)) return;
    const diagnosis = await diagnose?.(name);
    // What has come meanwhile is not waited for any more.
    if (pending.isOver) return;
    const { retries = 0, lastError } = failures?.() ?? {};
    const wait = {
      ...name,
      since,
      retries,
      ...(lastError && { lastError: clipped(lastError, MOST_SHOWN) }),
      ...diagnosis,
    };
    pending.told = wait;
    const waitedMs = Math.round(performance.now() - start);
    const { service: from, ...about } = wait;
    logger.warn({ from, ...about, waitedMs }, `waiting ${waitText(wait)}`);
    await onWait?.(wait, waitedMs);
  }

  /** Whether another wait for the same is told of already: one of many is enough. */
  #isToldOf({ name: { service, what }, told }: Pending): boolean {
    if (told) return false;
    return this.current.some((wait) => wait.service === service && wait.what === what);
  }

  async #tellEnd({ told }: Pending, waitedMs: number): Promise<void> {
    if (!told) return;
    const { logger, onEnd } = this.options;
    const { service: from, what, since } = told;
    logger.info({ from, what, since, waitedMs }, `no longer waiting for the ${from}`);
    await onEnd?.(told, waitedMs);
  }

  /** What cannot be told costs a line in the log: the work that waits goes on. */
  #tell(action: () => Promise<void>): void {
    this.#telling = this.#telling.then(action).catch((error: unknown) => {
      this.options.logger.warn({ err: error }, 'cannot tell of a wait');
    });
  }
}
