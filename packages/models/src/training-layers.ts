import { batchNorm, type RunningStatistics } from '@mcld/tensor/batch-norm.js';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ConvNormOptions, ConvOptions, NormOptions } from './layers.js';
import type { Statistics } from './statistics.js';
import { convolve, TensorLayers } from './tensor-layers.js';

/** Which samples' branches stay at a place in the model: [B] of 0 and 1/(1 − rate). */
export type DropPath = (share: number, batch: number) => Tensor1D;

/** Layers in training mode: batch statistics, gradients, running statistics updated on the way. */
export class TrainingLayers extends TensorLayers {
  /**
   * @param weight trainable tensors by name, convolutions HWIO
   * @param image what the model is given: nobody asks for its gradient
   */
  constructor(
    weight: (name: string) => Tensor,
    readonly image: Tensor,
    readonly statistics: Statistics,
    readonly dropPaths?: DropPath,
  ) {
    super(weight);
  }

  override conv(x: Tensor, name: string, options: ConvOptions): Tensor {
    const bias = options.bias ? (this.weight(`${name}.bias`) as Tensor1D) : undefined;
    return convolve(x as Tensor4D, this.weight(`${name}.weight`) as Tensor4D, bias, options, x === this.image);
  }

  override convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor {
    return this.batchNorm(this.conv(x, conv, options), norm, options);
  }

  override batchNorm(x: Tensor, name: string, { activation, momentum }: NormOptions = {}): Tensor {
    const affine = [this.weight(`${name}.weight`) as Tensor1D, this.weight(`${name}.bias`) as Tensor1D] as const;
    const { statistics } = this;
    const moved = (after: RunningStatistics) => statistics.move(name, after);
    const y = batchNorm(x as Tensor4D, affine, statistics.of(name), moved, momentum);
    return activation ? this.activate(y, activation) : y;
  }

  override dropPath(branch: Tensor, share: number): Tensor {
    if (!this.dropPaths || share === 0) return branch;
    const [batch, ...rest] = branch.shape as [number, ...number[]];
    return tf.mul(branch, tf.reshape(this.dropPaths(share, batch), [batch, ...rest.map(() => 1)]));
  }
}
