import { convBias } from '@mcld/tensor/ops.js';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ConvNormOptions } from './layers.js';
import { TensorLayers } from './tensor-layers.js';

/** A convolution with its batch norm folded in. */
export interface FoldedConv {
  /** HWIO. */
  readonly weight: tf.Tensor4D;
  readonly bias: tf.Tensor1D;
}

/** Layers in evaluation mode: no gradients, batch norm folded into the convolutions' weights. */
export class InferenceLayers extends TensorLayers {
  /** @param folded by the convolution's name; weight: tensors of the linear layers */
  constructor(
    readonly folded: (conv: string) => FoldedConv,
    weight: (name: string) => Tensor,
  ) {
    super(weight);
  }

  override convNorm(x: Tensor, conv: string, _norm: string, options: ConvNormOptions): Tensor {
    const { stride = 1, padding = 0, relu = false } = options;
    const { weight, bias } = this.folded(conv);
    return convBias(x as tf.Tensor4D, weight, bias, relu, { stride, padding });
  }

  override relu(x: Tensor): Tensor {
    return tf.relu(x);
  }
}
