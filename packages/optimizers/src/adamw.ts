import type { Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { optimizerFacts } from './facts.js';
import { defineOptimizer, type Optimizer } from './optimizer.js';
import { decayed } from './weight-decay.js';

/**
 * AdamW (arXiv 1711.05101) in torch.optim.AdamW's order, t counted from 1:
 *
 *   p ← p·(1 − lr·weightDecay);  m ← m + (1 − β₁)(g − m);  v ← β₂v + (1 − β₂)g²
 *   p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
 */
export const adamw = defineOptimizer({
  ...optimizerFacts.adamw,
  create: (
    { beta1, beta2, epsilon },
    weightDecay,
  ): Optimizer<'exp_avg' | 'exp_avg_sq', 'lr' | 'rate' | 'correction'> => ({
    slots: { exp_avg: 'zeros', exp_avg_sq: 'zeros' },
    // The corrections in float64, since 1 − βᵗ loses digits in float32.
    controls: ({ lr }, step) => ({
      lr,
      rate: lr / (1 - beta1 ** (step + 1)),
      correction: Math.sqrt(1 - beta2 ** (step + 1)),
    }),
    update: ({ parameters, gradients, slots, controls: { lr, rate, correction } }) => {
      const p = decayed(parameters, weightDecay, lr);
      const m = tf.add<Tensor1D>(slots.exp_avg, tf.mul(tf.sub(gradients, slots.exp_avg), 1 - beta1));
      const v = tf.add<Tensor1D>(tf.mul(slots.exp_avg_sq, beta2), tf.mul(tf.square(gradients), 1 - beta2));
      const spread = tf.add(tf.div(tf.sqrt(v), correction), epsilon);
      return {
        parameters: tf.sub(p, tf.mul(tf.div(m, spread), rate)),
        slots: { exp_avg: m, exp_avg_sq: v },
      };
    },
  }),
});
