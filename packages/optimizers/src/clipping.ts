import * as tf from '@tensorflow/tfjs-core';
import type { Optimizer } from './optimizer.js';

/**
 * Gradients longer than `maxNorm` are shortened first, as torch.nn.utils.clip_grad_norm_ does:
 * g ← g · min(1, maxNorm/(|g| + 1e-6)), |g| over all parameters together.
 */
export function withClipping(optimizer: Optimizer, maxNorm: number): Optimizer {
  return {
    ...optimizer,
    update: ({ gradients, ...rest }) => {
      const norm = tf.sqrt(tf.sum(tf.square(gradients)));
      const scale = tf.minimum(tf.div(maxNorm, tf.add(norm, 1e-6)), 1);
      return optimizer.update({ ...rest, gradients: tf.mul(gradients, scale) });
    },
  };
}
