import { batchNorm, conv2d, type RunningStatistics, relu } from '@mcld/tensor/ops.js';
import type * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { ConvNormOptions } from './layers.js';
import { TensorLayers } from './tensor-layers.js';

/** Layers in training mode: batch statistics, gradients, running statistics updated on the way. */
export class TrainingLayers extends TensorLayers {
  #first = true;

  /** @param weight trainable tensors by name, convolutions HWIO */
  constructor(
    weight: (name: string) => Tensor,
    readonly running: (norm: string) => RunningStatistics,
  ) {
    super(weight);
  }

  override convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor {
    const { stride = 1, padding = 0 } = options;
    const w = this.weight(`${conv}.weight`) as tf.Tensor4D;
    // Nobody asks for the gradient of the image, which the first convolution would compute.
    const y = conv2d(x as tf.Tensor4D, w, { stride, padding }, !this.#first);
    this.#first = false;
    const scale = this.weight(`${norm}.weight`) as tf.Tensor1D;
    const shift = this.weight(`${norm}.bias`) as tf.Tensor1D;
    const z = batchNorm(y, scale, shift, this.running(norm));
    return options.relu ? relu(z) : z;
  }

  override relu(x: Tensor): Tensor {
    return relu(x as tf.Tensor4D);
  }
}
