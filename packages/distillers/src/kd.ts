import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { defineDistiller } from './distiller.js';
import { standardise } from './logit-standardization.js';

/**
 * T²·KL(p(zt, T) ‖ p(zs, T)), summed over classes, batch mean.
 * Hinton et al., "Distilling the knowledge in a neural network", arXiv 1503.02531.
 * @param zs student logits, float32 [B, C]; zt: teacher logits, the same
 */
export function kdLoss(zs: Tensor2D, zt: Tensor2D, temperature: number): Scalar {
  const logPs = tf.logSoftmax(tf.div(zs, temperature));
  const logPt = tf.logSoftmax(tf.div(zt, temperature));
  const kl = tf.sum(tf.mul(tf.exp(logPt), tf.sub(logPt, logPs)), 1);
  return tf.mul(tf.mean(kl), temperature ** 2);
}

/** `L = ceWeight·CE(zs, y) + kdWeight·T²·KL(p(zt, T) ‖ p(zs, T))`. */
export const kd = defineDistiller({
  summary: "Hinton's knowledge distillation: softened teacher probabilities",
  source: 'arXiv 1503.02531',
  needsTeacher: true,
  options: z.strictObject({
    temperature: z.number().positive().default(4).describe('T, softens both distributions'),
    ceWeight: z.number().min(0).default(0.1),
    kdWeight: z.number().min(0).default(0.9),
    logitStandardization: z
      .boolean()
      .default(false)
      .describe('z-score both logits along classes first (arXiv 2403.01427)'),
  }),
  create:
    ({ temperature, ceWeight, kdWeight, logitStandardization }) =>
    ({ zs, zt, y }) => {
      const [s, t] = logitStandardization ? [standardise(zs), standardise(zt)] : [zs, zt];
      return {
        ce: { value: crossEntropy(zs, y), weight: ceWeight },
        kd: { value: kdLoss(s, t, temperature), weight: kdWeight },
      };
    },
});
