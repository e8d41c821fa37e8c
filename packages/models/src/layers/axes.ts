import { tupleOf } from '@mcld/tensor/tuple.js';
import type { ParameterSpec } from './parameter-spec.js';

/** Shape of a parameter as the ops here take it: convolutions OIHW → HWIO, the rest as it is. */
export function nativeShape({ kind, shape }: ParameterSpec): readonly number[] {
  if (kind !== 'conv') return shape;
  const [o, i, h, w] = tupleOf(shape, 4);
  return [h, w, i, o];
}

/** Data with PyTorch's order of axes into the native order. */
export function toNative({ kind, shape }: ParameterSpec, data: Float32Array): Float32Array {
  if (kind !== 'conv') return data;
  const [o, i, h, w] = tupleOf(shape, 4);
  return reversedAxes(data, [o, i, h * w]);
}

/** Data with the native order of axes into PyTorch's. */
export function fromNative({ kind, shape }: ParameterSpec, data: Float32Array): Float32Array {
  if (kind !== 'conv') return data;
  const [o, i, h, w] = tupleOf(shape, 4);
  return reversedAxes(data, [h * w, i, o]);
}

/** [A, B, C] → [C, B, A]. */
export function reversedAxes(source: Float32Array, [A, B, C]: readonly [number, number, number]): Float32Array {
  const target = new Float32Array(source.length);
  let at = 0;
  for (let a = 0; a < A; a++) {
    for (let b = 0; b < B; b++) {
      for (let c = 0; c < C; c++) target[(c * B + b) * A + a] = source[at++] ?? Number.NaN;
    }
  }
  return target;
}
