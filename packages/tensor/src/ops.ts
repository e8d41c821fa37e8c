/**
 * Native fused ops with their gradients, NHWC, float32. tfjs composes batch norm, ReLU and their
 * gradients out of many small kernels; measured on ResNet8x4 at batch 64, that doubles a step.
 */

import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type AttributeValue, nativeOp } from './native-op.js';

type Attributes = Readonly<Record<string, AttributeValue>>;

const float: AttributeValue = { type: 'float32' };
const reluAttributes: Attributes = { T: float };
const biasAttributes: Attributes = { T: float, data_format: { string: 'NHWC' } };
const entropyAttributes: Attributes = { T: float, Tlabels: { type: 'int32' } };

/** PyTorch's defaults. */
const EPSILON = 1e-5;
const MOMENTUM = 0.1;

const normGradientAttributes: Attributes = {
  T: float,
  U: float,
  epsilon: { float: EPSILON },
  data_format: { string: 'NHWC' },
  is_training: { bool: true },
};
const normAttributes: Attributes = { ...normGradientAttributes, exponential_avg_factor: { float: MOMENTUM } };

export interface ConvOptions {
  readonly stride: number;
  /** Zeros on each side, as in PyTorch's `padding`. */
  readonly padding: number;
}

// TensorFlow hands a convolution to oneDNN only when its padding is SAME or VALID, and oneDNN's is
// worth 1.8× for a whole ResNet20 step (2 cores, AVX-512). At stride 1 SAME is PyTorch's padding; at stride 2 and even
// sizes it pads (0, 1) where PyTorch pads (1, 1), so those inputs are padded by an op of their own.
type NativePadding = 'SAME' | 'VALID' | 'PAD_FIRST';

function nativePadding(kernel: number, { stride, padding }: ConvOptions): NativePadding {
  if (padding === 0) return 'VALID';
  return stride === 1 && kernel === 2 * padding + 1 ? 'SAME' : 'PAD_FIRST';
}

function padFor(x: Tensor4D, kernel: number, options: ConvOptions): Tensor4D {
  if (nativePadding(kernel, options) !== 'PAD_FIRST') return x;
  const { stride, padding: before } = options;
  // After the last window's end nothing is read: no need to pad there.
  const sides = x.shape.slice(1, 3).map((size): [number, number] => {
    const windows = Math.floor((size + 2 * before - kernel) / stride);
    return [before, Math.max(0, windows * stride + kernel - size - before)];
  }) as [[number, number], [number, number]];
  return tf.pad(x, [[0, 0], ...sides, [0, 0]]);
}

const convKinds = new Map<string, Attributes>();

function convAttributes(kernel: number, options: ConvOptions): Attributes {
  const { stride } = options;
  const padding = nativePadding(kernel, options) === 'SAME' ? 'SAME' : 'VALID';
  const kind = `${padding} ${stride}`;
  const attributes = convKinds.get(kind) ?? makeConvAttributes(padding, stride);
  convKinds.set(kind, attributes);
  return attributes;
}

function makeConvAttributes(padding: 'SAME' | 'VALID', stride: number): Attributes {
  return {
    T: float,
    strides: { int: [1, stride, stride, 1] },
    padding: { string: padding },
    data_format: { string: 'NHWC' },
    use_cudnn_on_gpu: { bool: true },
    dilations: { int: [1, 1, 1, 1] },
  };
}

/**
 * 2-D convolution.
 * @param image float32 [B, H, W, I]
 * @param w float32 [k, k, I, O] (HWIO)
 * @param needsInputGradient false for the first layer: spares its largest gradient
 */
export function conv2d(image: Tensor4D, w: Tensor4D, options: ConvOptions, needsInputGradient = true): Tensor4D {
  const [kernel] = w.shape;
  const attributes = convAttributes(kernel, options);
  const x = padFor(image, kernel, options);
  const forward = (input: Tensor, filter: Tensor) => nativeOp('Conv2D', attributes, [input, filter], 1)[0] as Tensor4D;
  const filterGradient = (dy: Tensor, input: Tensor) =>
    nativeOp('Conv2DBackpropFilter', attributes, [input, tf.tensor1d(w.shape, 'int32'), dy], 1)[0] as Tensor;
  if (!needsInputGradient) {
    return tf.customGrad((filter) => ({
      value: forward(x, filter as Tensor),
      gradFunc: (dy: Tensor) => filterGradient(dy, x),
    }))(w) as Tensor4D;
  }
  return tf.customGrad((input, filter, save) => {
    (save as tf.GradSaveFunc)([input as Tensor, filter as Tensor]);
    return {
      value: forward(input as Tensor, filter as Tensor),
      gradFunc: (dy: Tensor, [savedInput, savedFilter]: Tensor[]) => [
        nativeOp(
          'Conv2DBackpropInput',
          attributes,
          [tf.tensor1d(x.shape, 'int32'), savedFilter as Tensor, dy],
          1,
        )[0] as Tensor,
        filterGradient(dy, savedInput as Tensor),
      ],
    };
  })(x, w) as Tensor4D;
}

/** Convolution, bias and optionally ReLU, for inference (no gradient). @param bias float32 [O] */
export function convBias(x: Tensor4D, w: Tensor4D, bias: Tensor1D, relu: boolean, options: ConvOptions): Tensor4D {
  const [kernel] = w.shape;
  const padded = padFor(x, kernel, options);
  const y = nativeOp('Conv2D', convAttributes(kernel, options), [padded, w], 1)[0] as Tensor4D;
  const biased = nativeOp('BiasAdd', biasAttributes, [y, bias], 1)[0] as Tensor4D;
  return relu ? (nativeOp('Relu', reluAttributes, [biased], 1)[0] as Tensor4D) : biased;
}

/** Running statistics of a batch norm, updated in place by each training forward. */
export interface RunningStatistics {
  readonly mean: tf.Variable;
  readonly variance: tf.Variable;
}

/**
 * Batch normalisation in training mode over [B, H, W, C]. The running statistics move by PyTorch's
 * rule, `(1 − 0.1)·running + 0.1·batch`, with the unbiased batch variance; ε is 1e-5.
 * @param scale float32 [C]; shift: float32 [C]
 */
export function batchNorm(x: Tensor4D, scale: Tensor1D, shift: Tensor1D, running: RunningStatistics): Tensor4D {
  return tf.customGrad((input, gamma, beta, save) => {
    const [y, mean, variance, reserve1, reserve2, reserve3] = nativeOp(
      'FusedBatchNormV3',
      normAttributes,
      [input as Tensor, gamma as Tensor, beta as Tensor, running.mean, running.variance],
      6,
    ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    running.mean.assign(mean as never);
    running.variance.assign(variance as never);
    (save as tf.GradSaveFunc)([input as Tensor, gamma as Tensor, reserve1, reserve2, reserve3]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        nativeOp('FusedBatchNormGradV3', normGradientAttributes, [dy, ...saved], 5).slice(0, 3),
    };
  })(x, scale, shift) as Tensor4D;
}

/** max(x, 0). */
export function relu(x: Tensor4D): Tensor4D {
  return tf.customGrad((input, save) => {
    const y = nativeOp('Relu', reluAttributes, [input as Tensor], 1)[0] as Tensor;
    (save as tf.GradSaveFunc)([y]);
    return {
      value: y,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) =>
        nativeOp('ReluGrad', reluAttributes, [dy, saved as Tensor], 1)[0] as Tensor,
    };
  })(x) as Tensor4D;
}

/**
 * Cross-entropy of logits against classes, batch mean: −(1/B) Σ log softmax(z)_y.
 * @param logits float32 [B, C]
 * @param labels int32 [B], each in 0…C−1
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D): tf.Scalar {
  const perRow = tf.customGrad((z, save) => {
    const [loss, gradient] = nativeOp(
      'SparseSoftmaxCrossEntropyWithLogits',
      entropyAttributes,
      [z as Tensor, labels],
      2,
    ) as [Tensor, Tensor];
    (save as tf.GradSaveFunc)([gradient]);
    return {
      value: loss,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved as Tensor),
    };
  })(logits);
  return tf.mean(perRow);
}
