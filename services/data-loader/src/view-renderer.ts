import { availableParallelism } from 'node:os';
import { type Augmentation, viewsAddress } from '@mcld/datasets/augmentation.js';
import type { BatchViews } from '@mcld/datasets/batch-sequence.js';
import type { Picture } from '@mcld/datasets/picture.js';
import { drawCrops, drawView, type ViewRules } from '@mcld/datasets/view.js';
import { allocateLarge } from '@mcld/platform/grpc/large-bytes.js';
import pLimit from 'p-limit';
import type { OpenDataset } from './dataset-shelf.js';
import { ViewWindow } from './view-window.js';

/** Draws the pixels of views. */
export class ViewRenderer {
  readonly #window: ViewWindow;
  // Files read and decoded at once: libuv's threads are kept busy, and no request can hold more in memory.
  readonly #pool = pLimit(2 * availableParallelism());

  /** @param windowBytes most memory for views kept for others */
  constructor(windowBytes: number) {
    this.#window = new ViewWindow(windowBytes);
  }

  /**
   * Draws views in the order asked for.
   * @param buffers where to, if not into new memory
   * @returns uint8 [N, height, width, 3] @throws DatasetError for an image that is damaged
   */
  async render(
    opened: OpenDataset,
    augmentation: Augmentation,
    seed: number,
    views: BatchViews,
    buffers?: BufferRing,
  ): Promise<Uint8Array> {
    const { data, framing, size, kind } = opened;
    const meanColor = Uint8Array.from(kind.normalisation.mean, (mean) => Math.round(mean * 255));
    const rules: ViewRules = { framing, size, augmentation, seed, meanColor };
    const address = addressOf(opened, augmentation, seed);
    const bytes = size.height * size.width * 3;
    const length = views.index.length * bytes;
    const out = buffers?.next(length) ?? allocateLarge(length);
    if (drawCrops(data, rules, views, out)) return out;
    const waiting: Promise<void>[] = [];
    for (const [i, index] of views.index.entries()) {
      const view = { index, code: views.code[i] as number };
      if (data.encoded) {
        const key = `${address} ${index} ${view.code}`;
        const draw = () => this.#pool(() => drawAlone(data.picture(index), rules, view, bytes));
        waiting.push(this.#window.get(key, bytes, draw).then((pixels) => out.set(pixels, i * bytes)));
      } else {
        waiting.push(drawView(data.picture(index) as Picture, rules, view, out, i * bytes));
      }
    }
    await Promise.all(waiting);
    return out;
  }
}

/**
 * Buffers of one size that come again: drawing into memory that is still in the processor's cache is half the time, and
 * there is less to collect. Without zeros: every byte is drawn.
 */
export class BufferRing {
  readonly #buffers: Uint8Array[] = [];
  #next = 0;

  /** @param size how many are in use at once, at most */
  constructor(readonly size: number) {}

  /** A buffer that was handed out `size` calls ago, if it was of the same length. */
  next(length: number): Uint8Array {
    const place = this.#next++ % this.size;
    const found = this.#buffers[place];
    if (found?.length === length) return found;
    const made = allocateLarge(length);
    this.#buffers[place] = made;
    return made;
  }
}

/** All that a view's pixels depend on besides its index and code. */
export function addressOf({ data, framing, size }: OpenDataset, augmentation: Augmentation, seed: number): string {
  return JSON.stringify([data.fingerprint, size, framing, viewsAddress(augmentation, seed)]);
}

async function drawAlone(
  picture: Picture | Promise<Picture>,
  rules: ViewRules,
  view: { index: number; code: number },
  bytes: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(bytes);
  await drawView(await picture, rules, view, out, 0);
  return out;
}
