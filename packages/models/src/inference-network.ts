import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { foldNorm } from './folding.js';
import { type FoldedConv, InferenceLayers } from './inference-layers.js';
import type { ClassifierOutput } from './layers.js';
import { nativeShape, toNative } from './layout.js';
import { declareParameters, type ParameterSpec } from './parameters.js';
import { type ModelName, models } from './registry.js';
import { assertStateOf, type StateArray, type StateDict } from './state-dict.js';

/** A frozen network in evaluation mode: batch norms folded into the convolutions once, in float64. */
export class InferenceNetwork {
  readonly #specs: ReadonlyMap<string, ParameterSpec>;
  /** Made at the first forward pass, which shows what is folded. */
  readonly #folded = new Map<string, FoldedConv>();
  readonly #weights = new Map<string, Tensor>();

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
    return tf.tidy(() => {
      const layers = new InferenceLayers(
        (name) => this.#weight(name),
        (conv, norm) => this.#foldedConv(conv, norm),
      );
      const output: ClassifierOutput<Tensor> = models[this.model].classify<Tensor>(layers, images, this.classes);
      return output as { features: Tensor2D; logits: Tensor2D };
    });
  }

  #weight(name: string): Tensor {
    const known = this.#weights.get(name);
    if (known) return known;
    const tensor = this.#kept(this.#specs.get(name) as ParameterSpec, this.state.get(name) as StateArray);
    this.#weights.set(name, tensor);
    return tensor;
  }

  #foldedConv(conv: string, norm: string): FoldedConv {
    const known = this.#folded.get(conv);
    if (known) return known;
    const { weight, bias } = foldNorm(this.state, conv, norm);
    const spec = this.#specs.get(`${conv}.weight`) as ParameterSpec;
    const folded = {
      weight: this.#kept(spec, weight) as Tensor4D,
      bias: tf.keep(tf.tensor1d(bias.data)) as Tensor1D,
    };
    this.#folded.set(conv, folded);
    return folded;
  }

  #kept(spec: ParameterSpec, { data }: StateArray): Tensor {
    return tf.keep(tf.tensor(toNative(spec, data), [...nativeShape(spec)]));
  }

  dispose(): void {
    for (const { weight, bias } of this.#folded.values()) tf.dispose([weight, bias]);
    for (const tensor of this.#weights.values()) tensor.dispose();
  }
}
