import { gelu, relu, relu6 } from '@mcld/tensor/activations.js';
import { addBias, conv2d, denseFromGroups, depthwiseConv2d } from '@mcld/tensor/convolution.js';
import { LAYER_NORM_EPSILON } from '@mcld/tensor/epsilon.js';
import { layerNorm } from '@mcld/tensor/layer-norm.js';
import { linear } from '@mcld/tensor/linear.js';
import { lastOf, ofRank } from '@mcld/tensor/rank.js';
import { tupleOf } from '@mcld/tensor/tuple.js';
import type { Rank, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type {
  Activation,
  ConvNormOptions,
  ConvOptions,
  Layers,
  LinearOptions,
  NormOptions,
  PoolOptions,
} from './layers.js';

const activations = { relu, relu6, gelu } as const;

/** The layers that are the same in training and inference. */
export abstract class TensorLayers implements Layers<Tensor> {
  /** @param weight tensors by PyTorch's name, convolutions HWIO */
  constructor(protected readonly weight: (name: string) => Tensor) {}

  abstract convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor;
  abstract batchNorm(x: Tensor, name: string, options?: NormOptions): Tensor;
  abstract dropPath(branch: Tensor, share: number): Tensor;

  conv(x: Tensor, name: string, options: ConvOptions): Tensor {
    const bias = options.bias ? ofRank(this.weight(`${name}.bias`), 1) : undefined;
    return convolve(ofRank(x, 4), ofRank(this.weight(`${name}.weight`), 4), bias, options, this.isImage(x));
  }

  /** Is it what the model is given, whose gradient nobody asks for? */
  protected isImage(_x: Tensor): boolean {
    return false;
  }

  activate(x: Tensor, activation: Activation): Tensor {
    return activations[activation](x);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return tf.add(a, b);
  }

  concat(parts: readonly Tensor[]): Tensor {
    return tf.concat([...parts], -1);
  }

  halves(x: Tensor): [Tensor, Tensor] {
    const [first, second] = tupleOf(tf.split(x, 2, -1), 2);
    return [first, second];
  }

  shuffle(x: Tensor, groups: number): Tensor {
    if (groups === 1) return x;
    const places = x.shape.slice(0, -1);
    const rows = places.reduce((a, b) => a * b, 1);
    const cut = tf.reshape(x, [rows, groups, this.channels(x) / groups]);
    return tf.reshape(tf.transpose(cut, [0, 2, 1]), x.shape);
  }

  averagePool(x: Tensor, { kernel, stride, padding = 0 }: PoolOptions): Tensor {
    return tf.avgPool(padded(ofRank(x, 4), padding, 0), kernel, stride, 'valid');
  }

  maxPool(x: Tensor, { kernel, stride, padding = 0 }: PoolOptions): Tensor {
    return tf.maxPool(padded(ofRank(x, 4), padding, Number.NEGATIVE_INFINITY), kernel, stride, 'valid');
  }

  globalAveragePool(x: Tensor): Tensor {
    return tf.mean(x, [1, 2]);
  }

  linear(x: Tensor, name: string, _out: number, { activation }: LinearOptions = {}): Tensor {
    const [weight, bias] = [ofRank(this.weight(`${name}.weight`), 2), ofRank(this.weight(`${name}.bias`), 1)];
    const rows = x.rank === 2 ? x : tf.reshape(x, [-1, this.channels(x)]);
    const y = linear(ofRank(rows, 2), weight, bias);
    // On rows: a reshape in between would keep TensorFlow from fusing the two.
    const z = activation ? this.activate(y, activation) : y;
    return x.rank === 2 ? z : tf.reshape(z, [...x.shape.slice(0, -1), this.channels(z)]);
  }

  layerNorm(x: Tensor, name: string): Tensor {
    const [scale, shift] = [ofRank(this.weight(`${name}.weight`), 1), ofRank(this.weight(`${name}.bias`), 1)];
    return layerNorm(x, scale, shift, LAYER_NORM_EPSILON);
  }

  tokens(patches: () => Tensor, classToken: string, positions: string): Tensor {
    const map = patches();
    const [batch, height, width, channels] = ofRank(map, 4).shape;
    const rows = tf.reshape<Rank.R3>(map, [batch, height * width, channels]);
    const first = tf.tile(ofRank(this.weight(classToken), 3), [batch, 1, 1]);
    return tf.add(tf.concat([first, rows], 1), this.weight(positions));
  }

  attention(qkv: Tensor, heads: number): Tensor {
    const [batch, count, width] = ofRank(qkv, 3).shape;
    const size = width / 3 / heads;
    const cut = tf.transpose(tf.reshape(qkv, [batch, count, 3, heads, size]), [2, 0, 3, 1, 4]);
    const [q, k, v] = tupleOf(tf.unstack(cut), 3);
    const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), size ** -0.5));
    return tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch, count, width / 3]);
  }

  classToken(x: Tensor): Tensor {
    const [batch, , channels] = ofRank(x, 3).shape;
    return tf.reshape(tf.slice(x, [0, 0, 0], [batch, 1, channels]), [batch, channels]);
  }

  channels(x: Tensor): number {
    return lastOf(x.shape);
  }
}

/**
 * @param bias float32 [O]
 * @param isImage spares the gradient of x
 */
export function convolve(
  x: Tensor4D,
  w: Tensor4D,
  bias: Tensor1D | undefined,
  { stride = 1, padding = 0, groups = 1 }: ConvOptions,
  isImage = false,
): Tensor4D {
  const y =
    groups > 1 && groups === x.shape[3]
      ? depthwiseConv2d(x, w, { stride, padding })
      : conv2d(x, groups > 1 ? denseFromGroups(w, groups) : w, { stride, padding }, !isImage);
  return bias ? addBias(y, bias) : y;
}

function padded(x: Tensor4D, padding: number, value: number): Tensor4D {
  const sides: [number, number] = [padding, padding];
  return padding === 0 ? x : tf.pad(x, [[0, 0], sides, sides, [0, 0]], value);
}
