import { Rows } from '@mcld/platform/rows.js';
import type { ImageBatch } from './computer.js';
import { ForeignModelError, type InputKind, imageInput } from './image-input.js';

/** A foreign model: its input, its output, and how to run it. */
export interface ForeignModel {
  readonly kind: InputKind;
  readonly output: string;
  readonly classes: number;
  /** Of every batch: the last bits of a result depend on it. */
  readonly rows: number;
  /** Answers one batch of `rows` images. */
  run(data: Uint8Array | Float32Array, shape: number[]): Promise<ForeignOutput>;
}

export interface ForeignOutput {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Logits of any number of images, asked for in batches of one shape, zeros after the last. */
export async function foreignLogits(images: ImageBatch, model: ForeignModel): Promise<Rows> {
  const { kind, output, classes, rows } = model;
  const pixelsPerRow = images.height * images.width * 3;
  const count = images.pixels.length / pixelsPerRow;
  const all = Rows.zeros(count, classes);
  for (let from = 0; from < count; from += rows) {
    const pixels = images.pixels.subarray(from * pixelsPerRow, (from + rows) * pixelsPerRow);
    const input = imageInput({ ...images, pixels }, kind, rows);
    const { values, shape } = await model.run(input.data, input.shape);
    if (shape.length !== 2 || shape[0] !== rows || shape[1] !== classes || values.length !== rows * classes) {
      const got = `[${shape.slice(0, 8).join(', ')}] with ${values.length} values`;
      throw new ForeignModelError(`output ${output} is ${got} for ${rows} images; expected [${rows}, ${classes}]`);
    }
    all.values.set(values.subarray(0, Math.min(rows, count - from) * classes), from * classes);
  }
  return all;
}

/** Rows of a model's batches: as many as it fixes, else as its host wants. @param first of its input's dimensions */
export const fixedRows = (first: unknown): number | undefined =>
  typeof first === 'number' && first > 0 ? first : undefined;
