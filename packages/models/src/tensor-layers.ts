import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ConvNormOptions, Layers } from './layers.js';

/** The layers that are the same in training and inference. */
export abstract class TensorLayers implements Layers<Tensor> {
  /** @param weight tensors by PyTorch's name, convolutions HWIO */
  constructor(protected readonly weight: (name: string) => Tensor) {}

  abstract convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor;

  abstract relu(x: Tensor): Tensor;

  add(a: Tensor, b: Tensor): Tensor {
    return tf.add(a, b);
  }

  globalAveragePool(x: Tensor): Tensor {
    return tf.mean(x, [1, 2]);
  }

  linear(x: Tensor, name: string): Tensor {
    const product = tf.matMul(x as Tensor2D, this.weight(`${name}.weight`) as Tensor2D, false, true);
    return tf.add(product, this.weight(`${name}.bias`));
  }

  channels(x: Tensor): number {
    return x.shape.at(-1) as number;
  }
}
