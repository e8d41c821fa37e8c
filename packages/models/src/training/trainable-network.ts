import { concatFlat } from '@mcld/tensor/flat-vector.js';
import { ofRank } from '@mcld/tensor/rank.js';
import { type TensorRecord, tensorsIn } from '@mcld/tensor/tensor-record.js';
import { zip } from '@mcld/tensor/zip.js';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { FlatArrays } from '../layers/flat-arrays.js';
import { isTrainable, type ParameterSpec } from '../layers/parameter-spec.js';
import { declareParameters } from '../layers/parameters.js';
import { assertStateOf, type StateDict } from '../layers/state-dict.js';
import { Statistics } from '../layers/statistics.js';
import { type DropPath, TrainingLayers } from '../layers/training-layers.js';
import { type ModelName, models } from '../zoo/registry.js';

/** What a forward pass starts from: all parameters, and all running statistics, as one vector each. */
export interface NetworkState {
  readonly parameters: Tensor1D;
  readonly statistics: Tensor1D;
}

/** What the network gives for a batch: features float32 [B, F] and logits [B, classes]. */
export type NetworkOutputs = { readonly features: Tensor2D; readonly logits: Tensor2D };

/** What a step minimises, and what it tells of it by name. */
export interface Objective<R extends TensorRecord> {
  readonly loss: Scalar;
  readonly report: R;
}

/** A pure function; see `CompiledFunction`. `G`: what it is given besides the network's outputs. */
export type ObjectiveOf<G extends TensorRecord, R extends TensorRecord> = (
  outputs: NetworkOutputs,
  given: G,
) => Objective<R>;

export interface Differentiated<R extends TensorRecord> extends Objective<R> {
  /** float32 [P], in the parameters' order. */
  readonly gradients: Tensor1D;
  /** The running statistics after this batch. */
  readonly statistics: Tensor1D;
}

/** A model in training mode, as pure functions of its state: it holds no tensors itself. */
export class TrainableNetwork {
  readonly trainable: FlatArrays;
  readonly buffers: FlatArrays;
  readonly #order: readonly ParameterSpec[];

  constructor(
    readonly model: ModelName,
    readonly classes: number,
  ) {
    this.#order = declareParameters(model, classes).parameters;
    this.trainable = new FlatArrays(this.#order.filter(isTrainable));
    this.buffers = new FlatArrays(this.#order.filter((spec) => !isTrainable(spec)));
  }

  /**
   * Loss, gradients and moved statistics of one batch. Tensors are the caller's.
   * @param images float32 [B, H, W, 3], normalised
   */
  differentiate<R extends TensorRecord>(
    { parameters, statistics }: NetworkState,
    images: Tensor4D,
    objective: (outputs: NetworkOutputs) => Objective<R>,
    dropPaths?: DropPath,
  ): Differentiated<R> {
    let report: R | undefined;
    const differentiated = tf.tidy(() => {
      const { names, pieces } = this.trainable.cut(parameters);
      const running = new Statistics(this.buffers, statistics);
      const forward = tf.valueAndGrads<Scalar>((...weights) => {
        const layers = new TrainingLayers(lookUp(zip(names, weights)), images, running, dropPaths);
        const minimised = objective(this.#outputs(layers, images));
        report = minimised.report;
        for (const tensor of tensorsIn(report)) tf.keep(tensor);
        return minimised.loss;
      });
      const { value, grads } = forward([...pieces]);
      return { loss: value, gradients: concatFlat(grads), statistics: running.joined() };
    });
    if (!report) throw new Error('unreachable: the objective was not asked');
    return { ...differentiated, report };
  }

  #outputs(layers: TrainingLayers, images: Tensor4D): NetworkOutputs {
    const { features, logits } = models[this.model].classify<Tensor>(layers, images, this.classes);
    return { features: ofRank(features, 2), logits: ofRank(logits, 2) };
  }

  /** @throws WeightMismatchError when `state` is not of this model */
  load(state: StateDict): NetworkState {
    assertStateOf(this.model, this.classes, state);
    return {
      parameters: tf.tensor1d(this.trainable.flatten(state)),
      statistics: tf.tensor1d(this.buffers.flatten(state)),
    };
  }

  /** The weights, a copy, in PyTorch's axes and order. */
  save({ parameters, statistics }: NetworkState): StateDict {
    const trained = this.trainable.unflatten(parameters.dataSync<'float32'>());
    const buffers = this.buffers.unflatten(statistics.dataSync<'float32'>());
    return new Map(
      this.#order.flatMap(({ name }) => {
        const array = trained.get(name) ?? buffers.get(name);
        return array ? [[name, array] as const] : [];
      }),
    );
  }
}

function lookUp(weights: readonly [string, Tensor][]): (name: string) => Tensor {
  const byName = new Map(weights);
  return (name) => {
    const weight = byName.get(name);
    if (!weight) throw new Error(`the model has no parameter ${name}`);
    return weight;
  };
}
