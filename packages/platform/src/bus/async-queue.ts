/**
 * A queue between a producer and its consumers, of whom each item goes to one; they wait until something comes or it
 * ends. Past `limit` items the oldest are dropped: for streams of states, where the newest counts.
 */
export class AsyncQueue<T> {
  readonly #items: T[] = [];
  /** Consumers that wait. */
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(readonly limit = Number.POSITIVE_INFINITY) {}

  push(item: T): void {
    this.#items.push(item);
    if (this.#items.length > this.limit) this.#items.shift();
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** @param signal ends this consumer's part, not the queue */
  async *drain(signal: AbortSignal): AsyncGenerator<T> {
    while (!signal.aborted) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended) return;
      else await this.#change(signal);
    }
  }

  /** The next push, or end of the queue or of this consumer. */
  async #change(signal: AbortSignal): Promise<void> {
    let wake = () => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
    this.#waiting.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}
