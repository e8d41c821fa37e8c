import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { customGrad } from './custom-grad.js';
import { BATCH_NORM_EPSILON } from './epsilon.js';
import { type Attributes, float, nativeOps } from './native-op.js';

/** PyTorch's default. */
const MOMENTUM = 0.1;

const gradientAttributes: Attributes = {
  T: float,
  U: float,
  epsilon: { float: BATCH_NORM_EPSILON },
  data_format: { string: 'NHWC' },
  is_training: { bool: true },
};
const trainingAttributes = new Map<number, Attributes>();

function attributesFor(momentum: number): Attributes {
  const attributes = trainingAttributes.get(momentum) ?? {
    ...gradientAttributes,
    exponential_avg_factor: { float: momentum },
  };
  trainingAttributes.set(momentum, attributes);
  return attributes;
}

/** Running statistics of a batch norm, float32 [C] each. */
export interface RunningStatistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

/**
 * Batch normalisation in training mode over [B, H, W, C]. The running statistics move by PyTorch's
 * rule, `(1 − momentum)·running + momentum·batch`, with the unbiased batch variance; ε is 1e-5.
 * @param affine scale and shift, float32 [C] each
 * @param moved told the running statistics after this batch; they are the caller's to dispose
 */
export function batchNorm(
  x: Tensor4D,
  [scale, shift]: readonly [scale: Tensor1D, shift: Tensor1D],
  running: RunningStatistics,
  moved: (statistics: RunningStatistics) => void,
  momentum = MOMENTUM,
): Tensor4D {
  const attributes = attributesFor(momentum);
  return customGrad(
    { x, scale, shift },
    () => {
      const inputs = [x, scale, shift, running.mean, running.variance];
      const [y, mean, variance, reserve1, reserve2, reserve3] = nativeOps<FusedBatchNorm>(
        'FusedBatchNormV3',
        attributes,
        inputs,
        6,
      );
      moved({ mean: tf.keep(mean), variance: tf.keep(variance) });
      return { value: y, saved: { x, scale, reserve1, reserve2, reserve3 } };
    },
    (dy, { x, scale, reserve1, reserve2, reserve3 }) => {
      const inputs = [dy, x, scale, reserve1, reserve2, reserve3];
      const [dx, dscale, dshift] = nativeOps<FusedBatchNormGrad>('FusedBatchNormGradV3', gradientAttributes, inputs, 5);
      return { x: dx, scale: dscale, shift: dshift };
    },
  );
}

/** y, the running mean and variance moved, and what the gradient needs. */
type FusedBatchNorm = [Tensor4D, Tensor1D, Tensor1D, Tensor, Tensor, Tensor];
/** Gradients of x, scale and shift, and two outputs that stay empty. */
type FusedBatchNormGrad = [Tensor4D, Tensor1D, Tensor1D, Tensor, Tensor];

const inferenceAttributes: Attributes = { ...gradientAttributes, is_training: { bool: false } };

/** Batch normalisation with the running statistics (no gradient). All but x are float32 [C]. */
export function normWithStatistics(
  x: Tensor4D,
  scale: Tensor,
  shift: Tensor,
  mean: Tensor,
  variance: Tensor,
): Tensor4D {
  const inputs = [x, scale, shift, mean, variance];
  return nativeOps<FusedBatchNorm>('FusedBatchNormV3', inferenceAttributes, inputs, 6)[0];
}
