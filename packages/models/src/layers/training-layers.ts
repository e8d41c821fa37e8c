import { batchNorm, type RunningStatistics } from '@mcld/tensor/batch-norm.js';
import { denseFromGroups } from '@mcld/tensor/convolution.js';
import { lastOf, ofRank } from '@mcld/tensor/rank.js';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ConvNormOptions, NormOptions } from './layers.js';
import type { Statistics } from './statistics.js';
import { convolve, TensorLayers } from './tensor-layers.js';

/** Which samples' branches stay at the next place in the model: [B] of 0 and 1/(1 − rate). */
export type DropPath = (batch: number) => Tensor1D;

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

  protected override isImage(x: Tensor): boolean {
    return x === this.image;
  }

  override convNorm(x: Tensor, conv: string, norm: string, options: ConvNormOptions): Tensor {
    const { out, groups = 1, bias = false } = options;
    const width = paddedWidth(out);
    if (width === out || bias || groups === out) return this.batchNorm(this.conv(x, conv, options), norm, options);
    // The convolution itself makes the channels that the norm is padded with.
    const weight = ofRank(this.weight(`${conv}.weight`), 4);
    const dense = groups > 1 ? denseFromGroups(weight, groups) : weight;
    const y = convolve(ofRank(x, 4), padLast(dense, width, 0), undefined, { ...options, groups: 1 }, this.isImage(x));
    return this.#norm(y, norm, out, options);
  }

  override batchNorm(x: Tensor, name: string, options: NormOptions = {}): Tensor {
    const channels = this.channels(x);
    return this.#norm(padLast(ofRank(x, 4), paddedWidth(channels), 0), name, channels, options);
  }

  /** @param x of at least `channels` channels, zeros past them */
  #norm(x: Tensor4D, name: string, channels: number, { activation, momentum }: NormOptions): Tensor {
    const width = this.channels(x);
    const [scale, shift] = [ofRank(this.weight(`${name}.weight`), 1), ofRank(this.weight(`${name}.bias`), 1)];
    const { mean, variance } = this.statistics.of(name);
    const moved = (after: RunningStatistics) => {
      if (width === channels) return this.statistics.move(name, after);
      const [mean, variance] = [firstOf(after.mean, channels), firstOf(after.variance, channels)];
      tf.dispose([after.mean, after.variance]);
      this.statistics.move(name, { mean: tf.keep(mean), variance: tf.keep(variance) });
    };
    const running = { mean: padLast(mean, width, 0), variance: padLast(variance, width, 1) };
    const y = batchNorm(x, [padLast(scale, width, 1), padLast(shift, width, 0)], running, moved, momentum);
    return firstOf(activation ? this.activate(y, activation) : y, channels);
  }

  override dropPath(branch: Tensor, share: number): Tensor {
    if (!this.dropPaths || share === 0) return branch;
    const [batch = 0, ...rest] = branch.shape;
    return tf.mul(branch, tf.reshape(this.dropPaths(batch), [batch, ...rest.map(() => 1)]));
  }
}

// oneDNN's batch norm falls back to a plain loop where the channels are not a multiple of its vectors: with 58
// channels at 16×16 pixels forward and backward take 5.8 and 8.9 ms, with 64 they take 2.6 and 2.2 (2 cores,
// AVX-512). Channels of zeros up to the next multiple of 16 are cheaper than that loop; those of a multiple
// of 8 fare well as they are.
const paddedWidth = (channels: number): number => (channels % 8 === 0 ? channels : Math.ceil(channels / 16) * 16);

function padLast<T extends Tensor>(x: T, width: number, value: number): T {
  const missing = width - lastOf(x.shape);
  if (missing === 0) return x;
  const none: [number, number][] = x.shape.slice(0, -1).map(() => [0, 0]);
  return tf.pad(x, [...none, [0, missing]], value);
}

function firstOf<T extends Tensor>(x: T, width: number): T {
  if (x.shape.at(-1) === width) return x;
  const places = x.shape.slice(0, -1);
  return tf.slice(x, new Array(x.rank).fill(0), [...places, width]);
}
