import type { Rank, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { nativeOps } from './native-op.js';
import { zip } from './zip.js';

/**
 * Cuts a flat vector into pieces of the given shapes, in one op. All of a model's parameters are
 * kept as one vector, so that an optimiser's update is a handful of ops however many there are.
 * @param vector float32 [sum of the shapes' sizes]
 * @returns tensors owned by the caller
 */
export function splitFlat(vector: Tensor1D, shapes: readonly (readonly number[])[]): Tensor[] {
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
  return tf.tidy(() => {
    const pieces = nativeOps<readonly Tensor[]>(
      'SplitV',
      { num_split: { int: sizes.length }, T: { type: 'float32' }, Tlen: { type: 'int32' } },
      [vector, tf.tensor1d(sizes, 'int32'), tf.scalar(0, 'int32')],
      sizes.length,
    );
    return zip(pieces, shapes).map(([piece, shape]) => tf.reshape(piece, [...shape]));
  });
}

/** The inverse of `splitFlat`. */
export function concatFlat(pieces: readonly Tensor[]): Tensor1D {
  return tf.tidy(() => tf.concat1d(pieces.map((piece) => tf.reshape<Rank.R1>(piece, [-1]))));
}
