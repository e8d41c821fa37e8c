import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** What a schedule gives for one step. `lr` is per step and not scaled by the batch. */
export interface StepRates {
  readonly lr: number;
  readonly momentum: number;
}

/** A vector beside the parameters, [P], that an optimiser carries from step to step. */
export interface Slot {
  readonly name: string;
  readonly initial: 'zeros' | 'parameters';
}

/** What an update makes: new vectors in the place of the old. */
export interface Updated {
  readonly parameters: Tensor1D;
  readonly slots: readonly Tensor1D[];
}

/** An update rule, pure: its state is in its slots. All vectors are float32 [P]. */
export interface Optimizer {
  readonly slots: readonly Slot[];
  /** The numbers that an update takes at a step, counted from 0. */
  controls(rates: StepRates, step: number): readonly number[];
  update(parameters: Tensor1D, gradients: Tensor1D, slots: readonly Tensor1D[], controls: readonly Scalar[]): Updated;
}

/**
 * Weight decay: one number for all parameters, or one for each as a constant float32 [P], 0 where a
 * parameter is excluded.
 */
export type WeightDecay = number | Float32Array;

const decayed = (decay: WeightDecay): boolean => typeof decay !== 'number' || decay !== 0;
const factor = (decay: WeightDecay): tf.Tensor => (typeof decay === 'number' ? tf.scalar(decay) : tf.tensor1d(decay));

export interface SgdOptions {
  /** Added into the gradient before the momentum, as in PyTorch: g ← g + weightDecay · p. */
  readonly weightDecay: WeightDecay;
  readonly nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum, in torch.optim.SGD's order and sense
 * (dampening 0; the first step's zero momentum equals PyTorch's first buffer):
 *
 *   g ← g + weightDecay·p;  v ← momentum·v + g;  p ← p − lr·(nesterov ? g + momentum·v : v)
 */
export function sgd({ weightDecay, nesterov }: SgdOptions): Optimizer {
  return {
    slots: [{ name: 'momentum', initial: 'zeros' }],
    controls: ({ lr, momentum }) => [lr, momentum],
    update: (parameters, gradients, [buffer], [lr, momentum]) => {
      const g = decayed(weightDecay) ? tf.add(gradients, tf.mul(parameters, factor(weightDecay))) : gradients;
      const v = tf.add(tf.mul(buffer as Tensor1D, momentum as Scalar), g) as Tensor1D;
      const direction = nesterov ? tf.add(g, tf.mul(v, momentum as Scalar)) : v;
      return { parameters: tf.sub(parameters, tf.mul(direction, lr as Scalar)), slots: [v] };
    },
  };
}

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: p ← p·(1 − lr·weightDecay), before the step. */
  readonly weightDecay: WeightDecay;
}

/**
 * AdamW (arXiv 1711.05101) in torch.optim.AdamW's order, t counted from 1:
 *
 *   p ← p·(1 − lr·weightDecay);  m ← m + (1 − β₁)(g − m);  v ← β₂v + (1 − β₂)g²
 *   p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
 */
export function adamW({ beta1, beta2, epsilon, weightDecay }: AdamWOptions): Optimizer {
  return {
    slots: [
      { name: 'exp_avg', initial: 'zeros' },
      { name: 'exp_avg_sq', initial: 'zeros' },
    ],
    // The corrections in float64, since 1 − βᵗ loses digits in float32.
    controls: ({ lr }, step) => [lr, lr / (1 - beta1 ** (step + 1)), Math.sqrt(1 - beta2 ** (step + 1))],
    update: (parameters, gradients, [mean, square], [lr, rate, correction]) => {
      const kept = decayed(weightDecay)
        ? tf.mul(parameters, tf.sub(1, tf.mul(factor(weightDecay), lr as Scalar)))
        : parameters;
      const m = tf.add(mean as Tensor1D, tf.mul(tf.sub(gradients, mean as Tensor1D), 1 - beta1)) as Tensor1D;
      const v = tf.add(tf.mul(square as Tensor1D, beta2), tf.mul(tf.square(gradients), 1 - beta2)) as Tensor1D;
      const spread = tf.add(tf.div(tf.sqrt(v), correction as Scalar), epsilon);
      return { parameters: tf.sub(kept, tf.mul(tf.div(m, spread), rate as Scalar)) as Tensor1D, slots: [m, v] };
    },
  };
}

/**
 * Gradients longer than `maxNorm` are shortened first, as torch.nn.utils.clip_grad_norm_ does:
 * g ← g · min(1, maxNorm/(|g| + 1e-6)), |g| over all parameters together.
 */
export function withClipping(optimizer: Optimizer, maxNorm: number): Optimizer {
  return {
    ...optimizer,
    update: (parameters, gradients, slots, controls) => {
      const norm = tf.sqrt(tf.sum(tf.square(gradients)));
      const scale = tf.minimum(tf.div(maxNorm, tf.add(norm, 1e-6)), 1);
      return optimizer.update(parameters, tf.mul(gradients, scale), slots, controls);
    },
  };
}

/** The slot of `withAverage`. */
export const AVERAGE = 'average';

/**
 * Keeps an exponential moving average of the parameters beside them, in a slot of its own, the last:
 * a ← decay·a + (1 − decay)·p, from the initial parameters on.
 */
export function withAverage(optimizer: Optimizer, decay: number): Optimizer {
  return {
    ...optimizer,
    slots: [...optimizer.slots, { name: AVERAGE, initial: 'parameters' }],
    update: (before, gradients, slots, controls) => {
      const { parameters, slots: rest } = optimizer.update(before, gradients, slots.slice(0, -1), controls);
      const average = tf.add(tf.mul(slots.at(-1) as Tensor1D, decay), tf.mul(parameters, 1 - decay)) as Tensor1D;
      return { parameters, slots: [...rest, average] };
    },
  };
}
