/**
 * Convolutions with their gradients on TensorFlow's native kernels, NHWC, float32.
 */

import type { Rank, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { customGrad } from './custom-grad.js';
import { type Attributes, float, nativeOp } from './native-op.js';

const biasAttributes: Attributes = { T: float, data_format: { string: 'NHWC' } };

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
  const sidesOf = (size: number): [number, number] => {
    const windows = Math.floor((size + 2 * before - kernel) / stride);
    return [before, Math.max(0, windows * stride + kernel - size - before)];
  };
  const [, height, width] = x.shape;
  return tf.pad(x, [[0, 0], sidesOf(height), sidesOf(width), [0, 0]]);
}

/** Which of TensorFlow's kernels compute a convolution and its gradients. */
interface Kernels {
  readonly forward: string;
  readonly input: string;
  readonly filter: string;
  readonly attributes: Attributes;
}

const known = new Map<string, Kernels>();

function kernelsFor(kind: 'Conv2D' | 'DepthwiseConv2dNative', kernel: number, options: ConvOptions): Kernels {
  const padding = nativePadding(kernel, options) === 'SAME' ? 'SAME' : 'VALID';
  const key = `${kind} ${padding} ${options.stride}`;
  const kernels = known.get(key) ?? {
    forward: kind,
    input: `${kind}BackpropInput`,
    filter: `${kind}BackpropFilter`,
    attributes: {
      T: float,
      strides: { int: [1, options.stride, options.stride, 1] },
      padding: { string: padding },
      data_format: { string: 'NHWC' },
      dilations: { int: [1, 1, 1, 1] },
    },
  };
  known.set(key, kernels);
  return kernels;
}

function convolve(kernels: Kernels, x: Tensor4D, w: Tensor4D, needsInputGradient: boolean): Tensor4D {
  const { attributes } = kernels;
  const forward = () => nativeOp<Tensor4D>(kernels.forward, attributes, [x, w]);
  const shapeOf = (tensor: Tensor4D) => tf.tensor1d(tensor.shape, 'int32');
  const inputGradient = (dy: Tensor4D, filter: Tensor4D) =>
    nativeOp<Tensor4D>(kernels.input, attributes, [shapeOf(x), filter, dy]);
  const filterGradient = (dy: Tensor4D, input: Tensor4D) =>
    nativeOp<Tensor4D>(kernels.filter, attributes, [input, shapeOf(w), dy]);
  if (!needsInputGradient) {
    return customGrad(
      { w },
      () => ({ value: forward(), saved: { x } }),
      (dy, { x }) => ({ w: filterGradient(dy, x) }),
    );
  }
  return customGrad(
    { x, w },
    () => ({ value: forward(), saved: { x, w } }),
    (dy, { x, w }) => ({ x: inputGradient(dy, w), w: filterGradient(dy, x) }),
  );
}

/**
 * 2-D convolution.
 * @param x float32 [B, H, W, I]
 * @param w float32 [k, k, I, O] (HWIO)
 * @param needsInputGradient false for the first layer: spares its largest gradient
 */
export function conv2d(x: Tensor4D, w: Tensor4D, options: ConvOptions, needsInputGradient = true): Tensor4D {
  const [kernel] = w.shape;
  return convolve(kernelsFor('Conv2D', kernel, options), padFor(x, kernel, options), w, needsInputGradient);
}

/**
 * Depthwise convolution: each channel with a kernel of its own.
 * @param x float32 [B, H, W, C]
 * @param w float32 [k, k, 1, C] (HWIO of a convolution in C groups)
 */
export function depthwiseConv2d(x: Tensor4D, w: Tensor4D, options: ConvOptions): Tensor4D {
  const [kernel, , , channels] = w.shape;
  const filter = tf.reshape<Rank.R4>(w, [kernel, kernel, channels, 1]);
  return convolve(kernelsFor('DepthwiseConv2dNative', kernel, options), padFor(x, kernel, options), filter, true);
}

/**
 * The weights of a 1×1 convolution in groups as those of a dense one, zero between the groups.
 * TensorFlow has no grouped gradients on the CPU; cutting the channels apart and joining them again
 * moves more memory than the zeros cost in arithmetic.
 * @param w float32 [1, 1, I/groups, O]
 * @returns float32 [1, 1, I, O]
 */
export function denseFromGroups(w: Tensor4D, groups: number): Tensor4D {
  const [, , perGroup, out] = w.shape;
  const group = (n: number) => tf.floorDiv(tf.range(0, n, 1, 'int32'), tf.scalar(n / groups, 'int32'));
  const same = tf.equal(tf.expandDims(group(perGroup * groups), 1), tf.expandDims(group(out), 0));
  const mask = tf.reshape(tf.cast(same, 'float32'), [1, 1, perGroup * groups, out]);
  return tf.mul(tf.tile(w, [1, 1, groups, 1]), mask);
}

/**
 * y + bias.
 * @param y float32 [..., O]
 * @param bias float32 [O]
 */
export function addBias<T extends Tensor>(y: T, bias: Tensor1D): T {
  return customGrad(
    { y, bias },
    () => ({ value: nativeOp<T>('BiasAdd', biasAttributes, [y, bias]), saved: {} }),
    (dy) => ({ y: dy, bias: nativeOp<Tensor1D>('BiasAddGrad', biasAttributes, [dy]) }),
  );
}
