import type { Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { tupleOf } from './tuple.js';
import { zip } from './zip.js';

/** Per channel, of values in 0…1. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** `normalise`'s values without the tensor. @returns float32 [size], zeros after the pixels */
export function normalisedValues(pixels: Uint8Array, size: number, { mean, std }: ChannelStatistics): Float32Array {
  const { fround } = Math;
  const tables = zip(mean, std).map(([m, s]) =>
    Float32Array.from({ length: 256 }, (_, v) => fround(fround(fround(v / 255) - fround(m)) / fround(s))),
  );
  const [red, green, blue] = tupleOf(tables, 3);
  const values = new Float32Array(size);
  for (let i = 0; i < pixels.length; i += 3) {
    values[i] = red[pixels[i] ?? 0] ?? 0;
    values[i + 1] = green[pixels[i + 1] ?? 0] ?? 0;
    values[i + 2] = blue[pixels[i + 2] ?? 0] ?? 0;
  }
  return values;
}

/**
 * Turns pixels into a normalised tensor, with the float32 roundings of torchvision's ToTensor and
 * Normalize: ((v / 255) − mean) / std. A table of 256 values a channel does it in one look-up.
 * @param pixels uint8 [count, height, width, 3]
 * @param rows rows of the result; those past `count` are zeros
 * @returns float32 [rows, height, width, 3], owned by the caller
 */
export function normalise(
  pixels: Uint8Array,
  [rows, height, width]: readonly [number, number, number],
  statistics: ChannelStatistics,
): Tensor4D {
  return tf.tensor4d(normalisedValues(pixels, rows * height * width * 3, statistics), [rows, height, width, 3]);
}
