import type { ViewAddress } from '@mcld/feeds/views.js';

/** Makes the rows of views. */
export interface RowProducer {
  /** Views of a full batch. */
  readonly batch: number;
  /**
   * Fetches what a batch needs, while the batch before is computed.
   * @returns what computes the batch then: a row for each view, in their order
   */
  prepare(views: readonly ViewAddress[]): Promise<() => Promise<Iterable<Float32Array>>>;
}

/** A view that is on its way. */
export interface Coming {
  readonly row: Promise<Float32Array>;
  /** Whether nobody had asked for it before. */
  readonly isFirst: boolean;
}

type Prepared = ReturnType<RowProducer['prepare']>;

interface PendingView extends ViewAddress {
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
  readonly #waiting = new Map<number, PendingView>();
  readonly #inHand = new Map<number, PendingView>();
  #urgent = 0;
  #running = false;

  constructor(readonly producer: RowProducer) {}

  /** Asks for a view. */
  request(view: ViewAddress): Coming {
    const key = keyOf(view);
    const asked = this.#inHand.get(key) ?? this.#waiting.get(key);
    if (asked) return { row: asked.row, isFirst: false };
    const pending = pendingView(view);
    this.#waiting.set(key, pending);
    void this.#run();
    return { row: pending.row, isFirst: true };
  }

  /** Says that somebody waits for a view: the batch that it is in need not be full. */
  hurry(view: ViewAddress): void {
    const pending = this.#waiting.get(keyOf(view));
    if (!pending || pending.urgent) return;
    pending.urgent = true;
    this.#urgent++;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    let computing: Promise<void> = Promise.resolve();
    try {
      while (this.#urgent > 0 || this.#waiting.size >= this.producer.batch) {
        const batch = this.#take();
        const prepared = this.producer.prepare(batch);
        prepared.catch(() => {}); // Those who wait get the error below.
        await computing;
        computing = this.#compute(batch, prepared);
      }
    } finally {
      this.#running = false;
    }
    await computing;
  }

  /** Urgent views first, then those asked for first. */
  #take(): PendingView[] {
    const batch: PendingView[] = [];
    for (const urgent of [true, false]) {
      if (urgent && this.#urgent === 0) continue;
      for (const [key, pending] of this.#waiting) {
        if (batch.length === this.producer.batch) break;
        if (pending.urgent !== urgent) continue;
        this.#waiting.delete(key);
        this.#inHand.set(key, pending);
        if (urgent) this.#urgent--;
        batch.push(pending);
      }
    }
    return batch;
  }

  async #compute(batch: readonly PendingView[], prepared: Prepared): Promise<void> {
    try {
      const compute = await prepared;
      const rows = [...(await compute())];
      for (const [i, pending] of batch.entries()) {
        const row = rows[i];
        if (row) pending.resolve(row);
        else pending.reject(new Error(`${rows.length} rows came for ${batch.length} views`));
      }
    } catch (error) {
      for (const pending of batch) pending.reject(error);
    } finally {
      for (const pending of batch) this.#inHand.delete(keyOf(pending));
    }
  }
}

function pendingView({ index, code }: ViewAddress): PendingView {
  let [resolve, reject] = [(_: Float32Array) => {}, (_: unknown) => {}];
  const row = new Promise<Float32Array>((resolveRow, rejectRow) => {
    [resolve, reject] = [resolveRow, rejectRow];
  });
  // Nobody may be listening any more.
  row.catch(() => {});
  return { index, code, row, resolve, reject, urgent: false };
}
