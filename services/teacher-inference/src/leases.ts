import { LRUCache } from 'lru-cache';

/** A value that stays open for its user until it is disposed of. */
export interface Lease<V> extends Disposable {
  readonly value: V;
}

/** How a pool opens and closes what it lends. */
export interface LeasePoolOptions<V> {
  /** Values kept open although nobody uses them; of more, the one not used for longest is closed. */
  readonly idle: number;
  open(key: string): Promise<V>;
  close(value: V): Promise<void>;
  /** Told of an error in closing: nobody waits for it. */
  onCloseError(error: unknown): void;
}

interface Entry<V> {
  readonly opening: Promise<V>;
  users: number;
}

/**
 * Values that take long to open, lent by key: one that is being opened is shared, one that failed to open is tried
 * again the next time, one in use is never closed.
 *
 * @example
 * using lease = await pool.lease('a key');
 * lease.value.answer();
 */
export class LeasePool<V extends object> {
  readonly #inUse = new Map<string, Entry<V>>();
  readonly #idle: LRUCache<string, V>;
  readonly #closing = new Set<Promise<void>>();

  constructor(readonly options: LeasePoolOptions<V>) {
    this.#idle = new LRUCache({
      max: options.idle,
      dispose: (value, _key, reason) => {
        if (reason === 'evict') this.#close(value);
      },
    });
  }

  /** @throws what opening throws */
  async lease(key: string): Promise<Lease<V>> {
    const entry = this.#inUse.get(key) ?? this.#entry(key);
    entry.users++;
    const value = await entry.opening;
    let isReturned = false;
    return {
      value,
      [Symbol.dispose]: () => {
        if (isReturned) return;
        isReturned = true;
        entry.users--;
        if (entry.users > 0) return;
        this.#inUse.delete(key);
        this.#idle.set(key, value);
      },
    };
  }

  #entry(key: string): Entry<V> {
    const idle = this.#idle.get(key);
    this.#idle.delete(key);
    const opening = idle ? Promise.resolve(idle) : this.options.open(key);
    const entry = { opening, users: 0 };
    this.#inUse.set(key, entry);
    opening.catch(() => this.#inUse.delete(key));
    return entry;
  }

  #close(value: V): void {
    const closing = this.options.close(value).catch((error: unknown) => this.options.onCloseError(error));
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  /** Closes everything, also what somebody still uses: call it when nobody asks any more. */
  async close(): Promise<void> {
    for (const value of this.#idle.values()) this.#close(value);
    const opened = await Promise.allSettled([...this.#inUse.values()].map(({ opening }) => opening));
    for (const outcome of opened) if (outcome.status === 'fulfilled') this.#close(outcome.value);
    await Promise.all(this.#closing);
  }
}
