import type { ViewAddress } from '@mcld/feeds/views.js';

/** Computes views: [n, classes] rows in the order asked for. Its two stages overlap for successive batches. */
export interface RowProducer {
  readonly batch: number;
  fetch(views: readonly ViewAddress[]): Promise<unknown>;
  compute(views: readonly ViewAddress[], fetched: unknown): Promise<readonly Float32Array[]>;
}

/** A view that is on its way. */
export interface Coming {
  readonly row: Promise<Float32Array>;
  /** Whether nobody had asked for it before. */
  readonly isFirst: boolean;
}

interface Wanted extends ViewAddress {
  readonly row: Promise<Float32Array>;
  resolve(row: Float32Array): void;
  reject(error: unknown): void;
  urgent: boolean;
}

const keyOf = ({ index, code }: ViewAddress): number => code * 2 ** 32 + index;

/**
 * Gathers the views that streams ask for, across steps and across streams, into full compute batches. A view asked for
 * twice is computed once. A batch is filled as long as nobody waits for what is in it.
 */
export class ComputeQueue {
  /** In the order of asking. */
  readonly #waiting = new Map<number, Wanted>();
  readonly #inHand = new Map<number, Wanted>();
  #urgent = 0;
  #running = false;

  constructor(readonly computer: RowProducer) {}

  /** Asks for a view. */
  request(view: ViewAddress): Coming {
    const key = keyOf(view);
    const found = this.#inHand.get(key) ?? this.#waiting.get(key);
    if (found) return { row: found.row, isFirst: false };
    const wanted = wantedOf(view);
    this.#waiting.set(key, wanted);
    void this.#run();
    return { row: wanted.row, isFirst: true };
  }

  /** Says that somebody waits for a view: the batch that it is in need not be full. */
  hurry(view: ViewAddress): void {
    const wanted = this.#waiting.get(keyOf(view));
    if (!wanted || wanted.urgent) return;
    wanted.urgent = true;
    this.#urgent++;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    let computing: Promise<void> = Promise.resolve();
    try {
      while (this.#urgent > 0 || this.#waiting.size >= this.computer.batch) {
        const batch = this.#take();
        const fetched = this.computer.fetch(batch);
        fetched.catch(() => {}); // Told to those who wait, below.
        await computing;
        computing = this.#compute(batch, fetched);
      }
    } finally {
      this.#running = false;
    }
    await computing;
  }

  /** Urgent views first, then those asked for first. */
  #take(): Wanted[] {
    const batch: Wanted[] = [];
    for (const urgent of [true, false]) {
      if (urgent && this.#urgent === 0) continue;
      for (const [key, wanted] of this.#waiting) {
        if (batch.length === this.computer.batch) break;
        if (wanted.urgent !== urgent) continue;
        this.#waiting.delete(key);
        this.#inHand.set(key, wanted);
        if (urgent) this.#urgent--;
        batch.push(wanted);
      }
    }
    return batch;
  }

  async #compute(batch: readonly Wanted[], fetched: Promise<unknown>): Promise<void> {
    try {
      const rows = await this.computer.compute(batch, await fetched);
      for (const [i, wanted] of batch.entries()) wanted.resolve(rows[i] as Float32Array);
    } catch (error) {
      for (const wanted of batch) wanted.reject(error);
    } finally {
      for (const wanted of batch) this.#inHand.delete(keyOf(wanted));
    }
  }
}

function wantedOf({ index, code }: ViewAddress): Wanted {
  let [resolve, reject] = [(_: Float32Array) => {}, (_: unknown) => {}];
  const row = new Promise<Float32Array>((done, failed) => {
    [resolve, reject] = [done, failed];
  });
  // Nobody may be listening any more.
  row.catch(() => {});
  return { index, code, row, resolve, reject, urgent: false };
}
