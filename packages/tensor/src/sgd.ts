import type { Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

export interface SgdOptions {
  /** Added into the gradient before the momentum, as in PyTorch: g ← g + weightDecay · p. */
  readonly weightDecay: number;
  readonly nesterov: boolean;
}

/** What a schedule gives for one step. `lr` is per step and not scaled by the batch. */
export interface StepRates {
  readonly lr: number;
  readonly momentum: number;
}

/**
 * Stochastic gradient descent with momentum, in torch.optim.SGD's order and sense
 * (dampening 0; the first step's zero momentum equals PyTorch's first buffer):
 *
 *   g ← g + weightDecay·p;  v ← momentum·v + g;  p ← p − lr·(nesterov ? g + momentum·v : v)
 */
export class Sgd {
  #momentum: Tensor1D;

  /** @param size number of parameters; momentum: float32 [size], zeros where absent */
  constructor(
    size: number,
    readonly options: SgdOptions,
    momentum: Float32Array = new Float32Array(size),
  ) {
    this.#momentum = tf.tensor1d(momentum);
  }

  /**
   * One update.
   * @param parameters float32 [P]; disposed
   * @param gradients float32 [P]; stays the caller's
   * @returns the new parameters, owned by the caller
   */
  step(parameters: Tensor1D, gradients: Tensor1D, { lr, momentum }: StepRates): Tensor1D {
    const { weightDecay, nesterov } = this.options;
    const [next, velocity] = tf.tidy(() => {
      const g = weightDecay === 0 ? gradients : tf.add(gradients, tf.mul(parameters, weightDecay));
      const v = tf.add(tf.mul(this.#momentum, momentum), g);
      const direction = nesterov ? tf.add(g, tf.mul(v, momentum)) : v;
      return [tf.sub(parameters, tf.mul(direction, lr)), v] as [Tensor1D, Tensor1D];
    });
    parameters.dispose();
    this.#momentum.dispose();
    this.#momentum = velocity;
    return next;
  }

  /** The momentum buffer, float32 [P], a copy. */
  state(): Float32Array {
    return this.#momentum.dataSync() as Float32Array;
  }

  dispose(): void {
    this.#momentum.dispose();
  }
}
