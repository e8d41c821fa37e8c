import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { BATCH_NORM_EPSILON } from './epsilon.js';
import { type Attributes, float, nativeOp } from './native-op.js';

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
 * @param scale float32 [C]; shift: float32 [C]
 * @param moved told the running statistics after this batch; they are the caller's to dispose
 */
export function batchNorm(
  x: Tensor4D,
  [scale, shift]: readonly [Tensor1D, Tensor1D],
  running: RunningStatistics,
  moved: (statistics: RunningStatistics) => void,
  momentum = MOMENTUM,
): Tensor4D {
  const attributes = attributesFor(momentum);
  return tf.customGrad((input, gamma, beta, save) => {
    const [y, mean, variance, reserve1, reserve2, reserve3] = nativeOp(
      'FusedBatchNormV3',
      attributes,
      [input as Tensor, gamma as Tensor, beta as Tensor, running.mean, running.variance],
      6,
    ) as [Tensor, Tensor1D, Tensor1D, Tensor, Tensor, Tensor];
    moved({ mean: tf.keep(mean), variance: tf.keep(variance) });
    (save as tf.GradSaveFunc)([input as Tensor, gamma as Tensor, reserve1, reserve2, reserve3]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        nativeOp('FusedBatchNormGradV3', gradientAttributes, [dy, ...saved], 5).slice(0, 3),
    };
  })(x, scale, shift) as Tensor4D;
}

const inferenceAttributes: Attributes = { ...gradientAttributes, is_training: { bool: false } };

/** Batch normalisation with the running statistics (no gradient). All but x are float32 [C]. */
export function normWithStatistics(
  x: Tensor4D,
  scale: Tensor,
  shift: Tensor,
  mean: Tensor,
  variance: Tensor,
): Tensor4D {
  return nativeOp('FusedBatchNormV3', inferenceAttributes, [x, scale, shift, mean, variance], 6)[0] as Tensor4D;
}
