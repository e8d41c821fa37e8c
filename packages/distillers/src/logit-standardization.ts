import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * z ← (z − mean) / (1e-7 + std) along classes, std with C − 1.
 * Sun et al., "Logit standardization in knowledge distillation", arXiv 2403.01427.
 * @param z float32 [B, C], C ≥ 2
 */
export function standardise(z: Tensor2D): Tensor2D {
  const centred = tf.sub(z, tf.mean(z, 1, true));
  const variance = tf.div(tf.sum(tf.square(centred), 1, true), z.shape[1] - 1);
  return tf.div(centred, tf.add(tf.sqrt(variance), 1e-7));
}
