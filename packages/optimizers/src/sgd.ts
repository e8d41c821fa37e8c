import type { Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { optimizerFacts } from './facts.js';
import { defineOptimizer, type Optimizer } from './optimizer.js';
import { decayFactor } from './weight-decay.js';

/**
 * Stochastic gradient descent with momentum, in torch.optim.SGD's order and sense
 * (dampening 0; the first step's zero momentum equals PyTorch's first buffer):
 *
 *   g ← g + weightDecay·p;  v ← momentum·v + g;  p ← p − lr·(nesterov ? g + momentum·v : v)
 */
export const sgd = defineOptimizer({
  ...optimizerFacts.sgd,
  create: (options, weightDecay): Optimizer<'momentum', 'lr' | 'momentum'> => ({
    slots: { momentum: 'zeros' },
    controls: ({ lr, momentum = options.momentum }) => ({ lr, momentum }),
    update: ({ parameters, gradients, slots, controls: { lr, momentum } }) => {
      const decay = decayFactor(weightDecay);
      const g = decay ? tf.add<Tensor1D>(gradients, tf.mul(parameters, decay)) : gradients;
      const v = tf.add<Tensor1D>(tf.mul(slots.momentum, momentum), g);
      const direction = options.nesterov ? tf.add(g, tf.mul(v, momentum)) : v;
      return { parameters: tf.sub(parameters, tf.mul(direction, lr)), slots: { momentum: v } };
    },
  }),
});
