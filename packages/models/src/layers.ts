/**
 * What a model is written against. A model is one function of these layers; what the layers do is
 * decided by who runs it: `declareParameters` records names and shapes, `TrainingLayers` computes
 * with gradients and running statistics, `InferenceLayers` computes with batch norm folded into the
 * convolutions. So a model is defined once, and its training and inference cannot drift apart.
 *
 * `T` is a feature map [B, H, W, C] or, after pooling, features [B, C]. Names are PyTorch's
 * state_dict prefixes, and parameters are declared in the order of the calls, so a model makes its
 * calls in the order of PyTorch's state_dict.
 */
export interface Layers<T> {
  /** Convolution without bias, `${conv}.weight`, then batch norm `${norm}.*`, then ReLU if asked. */
  convNorm(x: T, conv: string, norm: string, options: ConvNormOptions): T;
  relu(x: T): T;
  add(a: T, b: T): T;
  /** Mean over height and width: [B, H, W, C] → [B, C]. */
  globalAveragePool(x: T): T;
  /** x·Wᵀ + b with `${name}.weight` [out, in] and `${name}.bias`. */
  linear(x: T, name: string, out: number): T;
  channels(x: T): number;
}

export interface ConvNormOptions {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly relu?: boolean;
}

/** What every classifier returns. */
export interface ClassifierOutput<T> {
  /** Penultimate pooled features [B, F]: what a linear probe sees. */
  readonly features: T;
  /** Raw logits [B, classes]. */
  readonly logits: T;
}

/** A classifier for `classes` classes. */
export type Classifier = <T>(layers: Layers<T>, x: T, classes: number) => ClassifierOutput<T>;
