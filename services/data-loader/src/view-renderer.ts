import { availableParallelism } from 'node:os';
import { type Augmentation, viewsAddress } from '@mcld/datasets/views/augmentation.js';
import type { BatchViews } from '@mcld/datasets/views/batch-sequence.js';
import type { Framing } from '@mcld/datasets/views/framing.js';
import type { Picture } from '@mcld/datasets/views/picture.js';
import { drawCrops, drawView, type ViewRules } from '@mcld/datasets/views/view.js';
import { allocateLarge } from '@mcld/platform/grpc/large-bytes.js';
import pLimit from 'p-limit';
import type { OpenDataset } from './dataset-cache.js';
import { ViewWindow } from './view-window.js';

/** Of images that are framed already. */
const AS_IT_IS: Framing = { size: 0, resize: 0 };

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
   * Draws views in the order asked for, into memory that nobody else has: a stream keeps up to 16 messages before it
   * writes them.
   * @returns uint8 [N, height, width, 3]
   * @throws DatasetError for an image that is damaged
   */
  async render(opened: OpenDataset, augmentation: Augmentation, seed: number, views: BatchViews): Promise<Uint8Array> {
    const { size, facts } = opened;
    const copy = augmentation.randomResizedCrop ? undefined : await opened.decoded();
    const data = copy ?? opened.data;
    const framing = copy ? AS_IT_IS : opened.framing;
    const meanColor = Uint8Array.from(facts.normalisation.mean, (mean) => Math.round(mean * 255));
    const rules: ViewRules = { framing, size, augmentation, seed, meanColor };
    const address = addressOf(opened, augmentation, seed);
    const bytes = size.height * size.width * 3;
    // Without zeros: every byte is drawn.
    const out = allocateLarge(views.index.length * bytes);
    if (drawCrops(data, rules, views, out)) return out;
    const waiting: Promise<void>[] = [];
    for (const [i, index] of views.index.entries()) {
      const view = { index, code: views.code[i] ?? 0 };
      if (data.encoded) {
        const key = `${address} ${index} ${view.code}`;
        const draw = () => this.#pool(() => drawAlone(data.picture(index), rules, view, bytes));
        waiting.push(this.#window.get(key, bytes, draw).then((pixels) => out.set(pixels, i * bytes)));
      } else {
        waiting.push(drawInto(data.picture(index), rules, view, out, i * bytes));
      }
    }
    await Promise.all(waiting);
    return out;
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
  await drawInto(picture, rules, view, out, 0);
  return out;
}

async function drawInto(
  picture: Picture | Promise<Picture>,
  rules: ViewRules,
  view: { index: number; code: number },
  out: Uint8Array,
  at: number,
): Promise<void> {
  await drawView(await picture, rules, view, out, at);
}
