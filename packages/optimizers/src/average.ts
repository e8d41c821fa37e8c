import type { Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Optimizer } from './optimizer.js';

/** The slot of `withAverage`. */
export const AVERAGE = 'average';

/**
 * Keeps an exponential moving average of the parameters beside them, in a slot of its own, the last:
 * a ← decay·a + (1 − decay)·p, from the initial parameters on.
 */
export function withAverage(optimizer: Optimizer, decay: number): Optimizer {
  return {
    ...optimizer,
    slots: { ...optimizer.slots, [AVERAGE]: 'parameters' },
    update: ({ slots: { [AVERAGE]: before, ...slots }, ...rest }) => {
      if (!before) throw new Error(`no slot '${AVERAGE}' beside ${Object.keys(slots).join(', ')}`);
      const updated = optimizer.update({ ...rest, slots });
      const average = tf.add<Tensor1D>(tf.mul(before, decay), tf.mul(updated.parameters, 1 - decay));
      return { ...updated, slots: { ...updated.slots, [AVERAGE]: average } };
    },
  };
}
