import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { customGrad } from './custom-grad.js';

/**
 * Layer normalisation over the last axis (arXiv 1607.06450), biased variance as in PyTorch.
 * @param x float32 [..., C]; scale, shift: float32 [C]
 */
export function layerNorm(x: Tensor, scale: Tensor1D, shift: Tensor1D, epsilon: number): Tensor {
  return customGrad(
    { x, scale, shift },
    () => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
      const normal = tf.mul(centred, inverse);
      return { value: tf.add(tf.mul(normal, scale), shift), saved: { normal, inverse, scale } };
    },
    (dy, { normal, inverse, scale }) => {
      const rows = Array.from({ length: dy.rank - 1 }, (_, axis) => axis);
      const dnormal = tf.mul(dy, scale);
      const along = tf.mul(normal, tf.mean(tf.mul(dnormal, normal), -1, true));
      const dx = tf.mul(inverse, tf.sub(tf.sub(dnormal, tf.mean(dnormal, -1, true)), along));
      return { x: dx, scale: tf.sum(tf.mul(dy, normal), rows), shift: tf.sum(dy, rows) };
    },
  );
}
