import type { RunningStatistics } from '@mcld/tensor/batch-norm.js';
import { concatFlat, splitFlat } from '@mcld/tensor/flat-vector.js';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { fromNative, nativeShape, toNative } from './layout.js';
import { declareParameters, elements, isTrainable, type ParameterSpec } from './parameters.js';
import { type ModelName, models } from './registry.js';
import { assertStateOf, type StateDict } from './state-dict.js';
import { TrainingLayers } from './training-layers.js';

/** What an update rule does to the flat parameter vector; see `Sgd.step`. */
export type Update = (parameters: Tensor1D, gradients: Tensor1D) => Tensor1D;

/** A network in training: one flat parameter vector, running statistics beside it. */
export class TrainableNetwork {
  readonly #trainable: readonly ParameterSpec[];
  readonly #buffers: readonly ParameterSpec[];
  readonly #running = new Map<string, tf.Variable>();
  readonly #order: readonly ParameterSpec[];
  #parameters: Tensor1D;

  /** @throws WeightMismatchError when `state` is not of this model */
  constructor(
    readonly model: ModelName,
    readonly classes: number,
    state: StateDict,
  ) {
    assertStateOf(model, classes, state);
    this.#order = declareParameters(model, classes).parameters;
    this.#trainable = this.#order.filter(isTrainable);
    this.#buffers = this.#order.filter((spec) => !isTrainable(spec));
    const values = (spec: ParameterSpec) => toNative(spec, state.get(spec.name)?.data as Float32Array);
    const flat = new Float32Array(this.size);
    let offset = 0;
    for (const spec of this.#trainable) {
      flat.set(values(spec), offset);
      offset += elements(spec.shape);
    }
    this.#parameters = tf.tensor1d(flat);
    for (const spec of this.#buffers) {
      this.#running.set(spec.name, tf.variable(tf.tensor1d(values(spec)), false));
    }
  }

  /** Number of trainable scalars. */
  get size(): number {
    return this.#trainable.reduce((sum, { shape }) => sum + elements(shape), 0);
  }

  /**
   * One training step: forward, loss, backward, update. Batch norms use and track batch statistics.
   * @param images float32 [B, H, W, 3], normalised
   * @param loss of the logits [B, classes]; its result is what is minimised
   */
  step(images: Tensor4D, loss: (logits: Tensor2D) => Scalar, update: Update): void {
    const { value, gradients } = this.gradients(images, loss);
    this.#parameters = update(this.#parameters, gradients);
    tf.dispose([value, gradients]);
  }

  /** Loss and its gradient with respect to the flat parameters, without an update. Caller disposes. */
  gradients(images: Tensor4D, loss: (logits: Tensor2D) => Scalar): { value: Scalar; gradients: Tensor1D } {
    return tf.tidy(() => {
      const shapes = this.#trainable.map(nativeShape);
      const pieces = splitFlat(this.#parameters, shapes);
      const forward = tf.valueAndGrads((...weights: Tensor[]) => loss(this.#logits(images, weights)));
      const { value, grads } = forward(pieces);
      return { value: value as Scalar, gradients: concatFlat(grads) };
    });
  }

  /** Logits in training mode [B, classes]; updates the running statistics. Caller disposes. */
  trainingLogits(images: Tensor4D): Tensor2D {
    return tf.tidy(() => this.#logits(images, splitFlat(this.#parameters, this.#trainable.map(nativeShape))));
  }

  #logits(images: Tensor4D, weights: readonly Tensor[]): Tensor2D {
    const byName = new Map(this.#trainable.map((spec, i) => [spec.name, weights[i] as Tensor]));
    const layers = new TrainingLayers(
      (name) => byName.get(name) as Tensor,
      images,
      (norm) => this.#statistics(norm),
    );
    return models[this.model].classify<Tensor>(layers, images, this.classes).logits as Tensor2D;
  }

  #statistics(norm: string): RunningStatistics {
    return {
      mean: this.#running.get(`${norm}.running_mean`) as tf.Variable,
      variance: this.#running.get(`${norm}.running_var`) as tf.Variable,
    };
  }

  /** The weights as they stand, a copy, in PyTorch's layouts. */
  state(): StateDict {
    const trained = this.unflatten(this.#parameters.dataSync() as Float32Array);
    return new Map(
      this.#order.map((spec) => {
        const data = this.#running.get(spec.name)?.dataSync() as Float32Array | undefined;
        return [spec.name, { shape: spec.shape, data: data ?? (trained.get(spec.name)?.data as Float32Array) }];
      }),
    );
  }

  /** Cuts a flat vector over the trainable parameters (momentum, gradients) into PyTorch's arrays. */
  unflatten(flat: Float32Array): StateDict {
    let offset = 0;
    return new Map(
      this.#trainable.map((spec) => {
        const piece = flat.subarray(offset, offset + elements(spec.shape));
        offset += piece.length;
        return [spec.name, { shape: spec.shape, data: fromNative(spec, piece) }];
      }),
    );
  }

  /** The inverse of `unflatten`. @throws Error when an array is missing or of another size */
  flatten(state: StateDict): Float32Array {
    const flat = new Float32Array(this.size);
    let offset = 0;
    for (const spec of this.#trainable) {
      const found = state.get(spec.name);
      if (found?.data.length !== elements(spec.shape)) throw new Error(`no array for ${spec.name} of the right size`);
      flat.set(toNative(spec, found.data), offset);
      offset += found.data.length;
    }
    return flat;
  }

  dispose(): void {
    this.#parameters.dispose();
    for (const variable of this.#running.values()) variable.dispose();
  }
}
