import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Layer normalisation over the last axis (arXiv 1607.06450), biased variance as in PyTorch.
 * @param x float32 [..., C]; scale, shift: float32 [C]
 */
export function layerNorm(x: Tensor, scale: Tensor1D, shift: Tensor1D, epsilon: number): Tensor {
  return tf.customGrad((input, gamma, beta, save) => {
    const z = input as Tensor;
    const centred = tf.sub(z, tf.mean(z, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const normal = tf.mul(centred, inverse);
    (save as tf.GradSaveFunc)([normal, inverse, gamma as Tensor]);
    return {
      value: tf.add(tf.mul(normal, gamma as Tensor), beta as Tensor),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [xhat, rstd, g] = saved as [Tensor, Tensor, Tensor];
        const rows = Array.from({ length: dy.rank - 1 }, (_, axis) => axis);
        const dnormal = tf.mul(dy, g);
        const along = tf.mul(xhat, tf.mean(tf.mul(dnormal, xhat), -1, true));
        const dx = tf.mul(rstd, tf.sub(tf.sub(dnormal, tf.mean(dnormal, -1, true)), along));
        return [dx, tf.sum(tf.mul(dy, xhat), rows), tf.sum(dy, rows)];
      },
    };
  })(x, scale, shift);
}
