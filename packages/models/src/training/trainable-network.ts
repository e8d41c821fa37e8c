import { concatFlat } from '@mcld/tensor/flat-vector.js';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { FlatLayout } from '../layers/flat-layout.js';
import { declareParameters, isTrainable, type ParameterSpec } from '../layers/parameters.js';
import { assertStateOf, type StateDict } from '../layers/state-dict.js';
import { Statistics } from '../layers/statistics.js';
import { type DropPath, TrainingLayers } from '../layers/training-layers.js';
import { type ModelName, models } from '../zoo/registry.js';

/** What a step starts from: all parameters, and all running statistics, as one vector each. */
export interface NetworkState {
  readonly parameters: Tensor1D;
  readonly statistics: Tensor1D;
}

export interface Differentiated {
  /** What was minimised. */
  readonly loss: Scalar;
  /** float32 [P], in the parameters' order. */
  readonly gradients: Tensor1D;
  /** The running statistics after this batch. */
  readonly statistics: Tensor1D;
}

/** A model in training mode, as pure functions of its state: it holds no tensors itself. */
export class TrainableNetwork {
  readonly trainable: FlatLayout;
  readonly buffers: FlatLayout;
  readonly #order: readonly ParameterSpec[];

  constructor(
    readonly model: ModelName,
    readonly classes: number,
  ) {
    this.#order = declareParameters(model, classes).parameters;
    this.trainable = new FlatLayout(this.#order.filter(isTrainable));
    this.buffers = new FlatLayout(this.#order.filter((spec) => !isTrainable(spec)));
  }

  /**
   * Loss, gradients and moved statistics of one batch. Tensors are the caller's.
   * @param images float32 [B, H, W, 3], normalised
   * @param loss of the logits [B, classes]; its result is what is minimised
   */
  differentiate(
    { parameters, statistics }: NetworkState,
    images: Tensor4D,
    loss: (logits: Tensor2D) => Scalar,
    dropPaths?: DropPath,
  ): Differentiated {
    return tf.tidy(() => {
      const { names, pieces } = this.trainable.cut(parameters);
      const running = new Statistics(this.buffers, statistics);
      const forward = tf.valueAndGrads((...weights: Tensor[]) => {
        const byName = new Map(names.map((name, i) => [name, weights[i] as Tensor]));
        const layers = new TrainingLayers((name) => byName.get(name) as Tensor, images, running, dropPaths);
        return loss(models[this.model].classify<Tensor>(layers, images, this.classes).logits as Tensor2D);
      });
      const { value, grads } = forward([...pieces]);
      return { loss: value as Scalar, gradients: concatFlat(grads), statistics: running.joined() };
    });
  }

  /** @throws WeightMismatchError when `state` is not of this model */
  load(state: StateDict): NetworkState {
    assertStateOf(this.model, this.classes, state);
    return {
      parameters: tf.tensor1d(this.trainable.flatten(state)),
      statistics: tf.tensor1d(this.buffers.flatten(state)),
    };
  }

  /** The weights, a copy, in PyTorch's layouts and order. */
  save({ parameters, statistics }: NetworkState): StateDict {
    const trained = this.trainable.unflatten(parameters.dataSync() as Float32Array);
    const buffers = this.buffers.unflatten(statistics.dataSync() as Float32Array);
    return new Map(
      this.#order.flatMap(({ name }) => {
        const array = trained.get(name) ?? buffers.get(name);
        return array ? [[name, array] as const] : [];
      }),
    );
  }
}
