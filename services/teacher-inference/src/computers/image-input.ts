import { McldError } from '@mcld/errors/mcld-error.js';
import { logitsOutput } from '@mcld/models/formats/onnx-import.js';
import { normalisedValues } from '@mcld/tensor/normalise.js';
import type { FixedSides, ImageBatch } from './computer.js';

/** How a foreign model takes images: raw pixels, or normalised values with the channels first or last. */
export type InputKind = 'uint8-last' | 'float32-first' | 'float32-last';

/** Thrown for a foreign model that cannot teach here. */
export class ForeignModelError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'FOREIGN_MODEL' } as const;
}

/**
 * How the input of this name takes images.
 * @param shape with -1 or a name for what is dynamic
 * @throws ForeignModelError when it takes no images
 */
export function inputKind(name: string, datatype: 'uint8' | 'float32' | string, shape: readonly unknown[]): InputKind {
  const last = shape.at(-1) === 3;
  const first = shape[1] === 3;
  if (shape.length === 4 && datatype === 'uint8' && last) return 'uint8-last';
  if (shape.length === 4 && datatype === 'float32' && first) return 'float32-first';
  if (shape.length === 4 && datatype === 'float32' && last) return 'float32-last';
  throw new ForeignModelError(
    `input ${name} is ${datatype} [${shape.join(', ')}]; expected float32 [N, 3, H, W], float32 [N, H, W, 3] or uint8 [N, H, W, 3]`,
  );
}

/** Height and width where an input's shape fixes them. */
export function fixedSides(kind: InputKind, shape: readonly unknown[]): FixedSides {
  const [height, width] = kind === 'float32-first' ? shape.slice(2) : shape.slice(1);
  const fixed = (side: unknown) => (typeof side === 'number' && side > 0 ? side : undefined);
  return { height: fixed(height), width: fixed(width) };
}

/** The images as the model takes them, zeros after them up to `rows`; and the shape. */
export function imageInput(
  { pixels, height, width, statistics }: ImageBatch,
  kind: InputKind,
  rows: number,
): { readonly data: Uint8Array | Float32Array; readonly shape: number[] } {
  const area = height * width;
  if (kind === 'uint8-last') {
    const data = new Uint8Array(rows * area * 3);
    data.set(pixels);
    return { data, shape: [rows, height, width, 3] };
  }
  const values = normalisedValues(pixels, rows * area * 3, statistics);
  if (kind === 'float32-last') return { data: values, shape: [rows, height, width, 3] };
  const data = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let p = 0; p < area; p++)
      for (let c = 0; c < 3; c++) data[(row * 3 + c) * area + p] = values[(row * area + p) * 3 + c] ?? 0;
  return { data, shape: [rows, 3, height, width] };
}

/** The output of logits. @throws ForeignModelError when it cannot be told which it is */
export function onlyLogits<T extends { readonly name: string }>(outputs: readonly T[]): T {
  const output = logitsOutput(outputs);
  if (output) return output;
  throw new ForeignModelError(
    `outputs ${outputs.map(({ name }) => name).join(', ')}: expected one, or one named logits`,
  );
}

/**
 * Classes of an output of logits.
 * @throws ForeignModelError for another rank, or a class count that is not a number
 */
export function classesOfOutput(name: string, datatype: string, shape: readonly unknown[]): number {
  const classes = shape[1];
  if (datatype !== 'float32' || shape.length !== 2 || typeof classes !== 'number' || classes < 2) {
    throw new ForeignModelError(`output ${name} is ${datatype} [${shape.join(', ')}]; expected float32 [N, classes]`);
  }
  return classes;
}
