import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type FoldedConv, InferenceLayers } from './inference-layers.js';
import type { ClassifierOutput } from './layers.js';
import { toNative } from './layout.js';
import { declareParameters, type ParameterSpec } from './parameters.js';
import { classifiers, type ModelName } from './registry.js';
import { assertStateOf, type StateDict } from './state-dict.js';

const EPSILON = 1e-5;

/** A frozen network in evaluation mode: batch norms folded into the convolutions once, in float64. */
export class InferenceNetwork {
  readonly #folded = new Map<string, FoldedConv>();
  readonly #linear = new Map<string, Tensor>();

  /** @throws WeightMismatchError when `state` is not of this model */
  constructor(
    readonly model: ModelName,
    readonly classes: number,
    state: StateDict,
  ) {
    assertStateOf(model, classes, state);
    const { parameters } = declareParameters(model, classes);
    for (const [i, spec] of parameters.entries()) {
      const data = state.get(spec.name)?.data as Float32Array;
      if (spec.kind === 'conv') {
        // A convolution's batch norm follows it: scale, shift, running mean, running variance.
        const norm = parameters.slice(i + 1, i + 5).map(({ name }) => state.get(name)?.data as Float32Array);
        this.#folded.set(spec.name, fold(spec, data, norm as unknown as Norm));
      } else if (spec.kind === 'linear' || spec.kind === 'bias') {
        this.#linear.set(spec.name, tf.tensor(data, [...spec.shape]));
      }
    }
  }

  /**
   * Features [B, F] and logits [B, classes], owned by the caller.
   * @param images float32 [B, H, W, 3], normalised
   */
  forward(images: Tensor4D): { features: Tensor2D; logits: Tensor2D } {
    return tf.tidy(() => {
      const layers = new InferenceLayers(
        (conv) => this.#folded.get(`${conv}.weight`) as FoldedConv,
        (name) => this.#linear.get(name) as Tensor,
      );
      const output: ClassifierOutput<Tensor> = classifiers[this.model]<Tensor>(layers, images, this.classes);
      return output as { features: Tensor2D; logits: Tensor2D };
    });
  }

  dispose(): void {
    for (const { weight, bias } of this.#folded.values()) tf.dispose([weight, bias]);
    for (const tensor of this.#linear.values()) tensor.dispose();
  }
}

type Norm = readonly [Float32Array, Float32Array, Float32Array, Float32Array];

/** w ← w·γ/√(σ² + ε);  b ← β − μ·γ/√(σ² + ε). */
function fold(spec: ParameterSpec, data: Float32Array, [gamma, beta, mean, variance]: Norm): FoldedConv {
  const [out = 0] = spec.shape;
  const perOut = data.length / out;
  const weight = new Float32Array(data.length);
  const bias = new Float32Array(out);
  for (let o = 0; o < out; o++) {
    const scale = (gamma[o] as number) / Math.sqrt((variance[o] as number) + EPSILON);
    bias[o] = (beta[o] as number) - (mean[o] as number) * scale;
    for (let k = o * perOut; k < (o + 1) * perOut; k++) weight[k] = (data[k] as number) * scale;
  }
  const [, i = 0, h = 0, w = 0] = spec.shape;
  return {
    weight: tf.tensor4d(toNative(spec, weight), [h, w, i, out]),
    bias: tf.tensor1d(bias) as Tensor1D,
  };
}
