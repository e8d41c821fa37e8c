import { normWithStatistics } from '@mcld/tensor/batch-norm.js';
import { ofRank } from '@mcld/tensor/rank.js';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { ConvNormOptions, NormOptions } from './layers.js';
import { convolve, TensorLayers } from './tensor-layers.js';

/** A convolution with its batch norm folded in. */
export interface FoldedConv {
  /** HWIO. */
  readonly weight: Tensor4D;
  readonly bias: Tensor1D;
}

/** Layers in evaluation mode: no gradients, batch norm folded into the convolution before it. */
export class InferenceLayers extends TensorLayers {
  /**
   * @param weight tensors by name, running statistics among them
   * @param folded of a convolution and its norm
   */
  constructor(
    weight: (name: string) => Tensor,
    readonly folded: (conv: string, norm: string) => FoldedConv,
  ) {
    super(weight);
  }

  override convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor {
    const { weight, bias } = this.folded(conv, norm);
    const y = convolve(ofRank(x, 4), weight, bias, options);
    return options.activation ? this.activate(y, options.activation) : y;
  }

  override batchNorm(x: Tensor, name: string, { activation }: NormOptions = {}): Tensor {
    const of = (part: string) => this.weight(`${name}.${part}`);
    const y = normWithStatistics(ofRank(x, 4), of('weight'), of('bias'), of('running_mean'), of('running_var'));
    return activation ? this.activate(y, activation) : y;
  }

  override dropPath(branch: Tensor): Tensor {
    return branch;
  }
}
