/**
 * What a model is written against. A model is one function of these layers; what the layers do is
 * decided by who runs it: `DeclaringLayers` records names and shapes, `TrainingLayers` computes
 * with gradients and running statistics, `InferenceLayers` computes with batch norm folded into the
 * convolutions, `OnnxLayers` writes a graph. So a model is defined once, and its training, inference
 * and export cannot drift apart.
 *
 * `T` is a feature map [B, H, W, C], tokens [B, N, C] or features [B, C]. Names are PyTorch's
 * state_dict prefixes, and parameters are declared in the order of the calls, so a model makes its
 * calls in the order of PyTorch's state_dict.
 */
export interface Layers<T> {
  /** Convolution `${name}.weight`, and `${name}.bias` if asked. */
  conv(x: T, name: string, options: ConvOptions): T;
  /** A convolution and the batch norm that follows it: one convolution once it is folded. */
  convNorm(x: T, conv: string, norm: string, options: ConvNormOptions): T;
  /** A batch norm on its own, for example before a convolution. */
  batchNorm(x: T, name: string, options?: NormOptions): T;
  activate(x: T, activation: Activation): T;
  add(a: T, b: T): T;
  /** Joins along channels. */
  concat(parts: readonly T[]): T;
  /** Cuts along channels, in two halves. */
  halves(x: T): [T, T];
  /** [.., g, C/g] → [.., C/g, g] along channels (arXiv 1707.01083, figure 1). */
  shuffle(x: T, groups: number): T;
  /** Zeros count as values at the border (PyTorch's count_include_pad). */
  averagePool(x: T, options: PoolOptions): T;
  maxPool(x: T, options: PoolOptions): T;
  /** Mean over height and width: [B, H, W, C] → [B, C]. */
  globalAveragePool(x: T): T;
  /** x·Wᵀ + b with `${name}.weight` [out, in] and `${name}.bias`, along the last axis. */
  linear(x: T, name: string, out: number, options?: LinearOptions): T;
  /** Over the last axis, ε 1e-6, `${name}.weight` and `${name}.bias`. */
  layerNorm(x: T, name: string): T;
  /** [B, H, W, C] → [B, 1 + H·W, C]: the class token before the patches, positions added. */
  tokens(patches: () => T, classToken: string, positions: string, shape: TokenShape): T;
  /** softmax(q·kᵀ/√d)·v in `heads` heads: [B, N, 3C] holding q, k, v → [B, N, C]. */
  attention(qkv: T, heads: number): T;
  /** [B, N, C] → [B, C]. */
  classToken(x: T): T;
  /** Stochastic depth: in training, a sample's branch is left out at `share` of the run's rate. */
  dropPath(branch: T, share: number): T;
  channels(x: T): number;
}

export type Activation = 'relu' | 'relu6' | 'gelu';

export interface ConvOptions {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  /** 1, the number of input channels (depthwise), or any divisor for a 1×1 kernel. */
  readonly groups?: number;
  readonly bias?: boolean;
  /** Standard deviation of the initial weights; default He normal, fan-out. */
  readonly std?: number;
}

export interface NormOptions {
  readonly activation?: Activation;
  /** What a batch's statistics weigh in the running ones, default 0.1 as in PyTorch. */
  readonly momentum?: number;
}

export interface ConvNormOptions extends ConvOptions, NormOptions {}

export interface LinearOptions {
  readonly activation?: Activation;
  /** Standard deviation of the initial weights; default that of PyTorch's. */
  readonly std?: number;
}

export interface PoolOptions {
  readonly kernel: number;
  readonly stride: number;
  readonly padding?: number;
}

export interface TokenShape {
  readonly count: number;
  readonly channels: number;
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

/** A model as the registry knows it. */
export interface ModelDefinition {
  /** Height and width of the images that it was designed for. */
  readonly imageSize: number;
  /** The paper. */
  readonly source: string;
  /** Learning rate of a linear probe on its features, default 0.05. */
  readonly probeRate?: number;
  readonly classify: Classifier;
}
