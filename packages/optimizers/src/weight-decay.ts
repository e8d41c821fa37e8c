import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Weight decay: one number for all parameters, or one for each as a constant float32 [P], 0 where a
 * parameter is excluded.
 */
export type WeightDecay = number | Float32Array;

/**
 * Parameters that have decayed apart from their gradients: p ← p·(1 − lr·weightDecay), as AdamW's (arXiv 1711.05101).
 */
export function decayed(parameters: Tensor1D, weightDecay: WeightDecay, lr: Scalar): Tensor1D {
  const factor = decayFactor(weightDecay);
  return factor ? tf.mul(parameters, tf.sub(1, tf.mul(factor, lr))) : parameters;
}

/** As what the parameters are multiplied with; undefined where nothing decays. */
export function decayFactor(decay: WeightDecay): Tensor | undefined {
  if (typeof decay !== 'number') return tf.tensor1d(decay);
  return decay === 0 ? undefined : tf.scalar(decay);
}

/**
 * 0 for parameters of one axis: biases, and scales and shifts of norms.
 * @param shapes of the parameters, in the order of the flat vector
 */
export function decayOfWeights(weightDecay: number, shapes: readonly (readonly number[])[]): Float32Array {
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
  const decay = new Float32Array(sizes.reduce((a, b) => a + b, 0));
  let offset = 0;
  for (const shape of shapes) {
    const end = offset + shape.reduce((a, b) => a * b, 1);
    if (shape.length > 1) decay.fill(weightDecay, offset, end);
    offset = end;
  }
  return decay;
}
