import { type Augmentation, cutView } from '@mcld/datasets/augmentation.js';
import type { BatchViews } from '@mcld/datasets/batch-sequence.js';
import type { Dataset } from '@mcld/datasets/dataset.js';

/** Pixels of views, uint8 [N, height, width, 3], in the order asked for. */
export async function cutViews(data: Dataset, augmentation: Augmentation, views: BatchViews): Promise<Uint8Array> {
  const { height, width } = data;
  const images = await data.images(views.index);
  const bytes = height * width * 3;
  const pixels = new Uint8Array(images.length * bytes);
  for (const [i, image] of images.entries()) {
    cutView(image, [height, width], augmentation, views.code[i] as number, pixels, i * bytes);
  }
  return pixels;
}

/** The last batches cut, so that several readers at nearly the same cursor share one. */
export class BatchWindow {
  readonly #recent = new Map<string, Promise<Uint8Array>>();

  constructor(readonly size: number) {}

  get(key: string, cut: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const found = this.#recent.get(key);
    if (found) return found;
    const batch = cut();
    this.#recent.set(key, batch);
    batch.catch(() => this.#recent.delete(key));
    const oldest = this.#recent.keys().next();
    if (this.#recent.size > this.size && !oldest.done) this.#recent.delete(oldest.value);
    return batch;
  }
}
