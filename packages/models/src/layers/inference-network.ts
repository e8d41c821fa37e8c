import { CompiledFunction } from '@mcld/tensor/compiled.js';
import { ofRank } from '@mcld/tensor/rank.js';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type ModelName, models } from '../zoo/registry.js';
import { nativeShape, toNative } from './axes.js';
import { foldNorm } from './folding.js';
import { InferenceLayers } from './inference-layers.js';
import type { ParameterSpec } from './parameter-spec.js';
import { declareParameters } from './parameters.js';
import { arrayOf, assertStateOf, type StateArray, type StateDict } from './state-dict.js';

/** A frozen network in evaluation mode: batch norms folded into the convolutions once, in float64. */
export class InferenceNetwork {
  readonly #specs: ReadonlyMap<string, ParameterSpec>;
  readonly #compiled = new CompiledFunction((inputs: { readonly images: Tensor4D }) => this.#forward(inputs.images));

  /** @throws WeightMismatchError when `state` is not of this model */
  constructor(
    readonly model: ModelName,
    readonly classes: number,
    readonly state: StateDict,
  ) {
    assertStateOf(model, classes, state);
    this.#specs = new Map(declareParameters(model, classes).parameters.map((spec) => [spec.name, spec]));
  }

  /**
   * Features [B, F] and logits [B, classes], owned by the caller.
   * @param images float32 [B, H, W, 3], normalised
   */
  forward(images: Tensor4D): { features: Tensor2D; logits: Tensor2D } {
    return this.#compiled.run({ images });
  }

  /** What is recorded: the weights become constants of the graph. */
  #forward(images: Tensor4D): { features: Tensor2D; logits: Tensor2D } {
    const layers = new InferenceLayers(
      (name) => this.#native(name, arrayOf(this.state, name)),
      (conv, norm) => {
        const { weight, bias } = foldNorm(this.state, conv, norm);
        return { weight: ofRank(this.#native(`${conv}.weight`, weight), 4), bias: tf.tensor1d(bias.data) };
      },
    );
    const { features, logits } = models[this.model].classify<Tensor>(layers, images, this.classes);
    return { features: ofRank(features, 2), logits: ofRank(logits, 2) };
  }

  #native(name: string, { data }: StateArray): Tensor {
    const spec = this.#specs.get(name);
    if (!spec) throw new Error(`${this.model} has no tensor ${name}`);
    return tf.tensor(toNative(spec, data), [...nativeShape(spec)]);
  }

  dispose(): void {
    this.#compiled.dispose();
  }
}
