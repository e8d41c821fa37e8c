import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { epochWarmup, oneHot, softenedKl, standardisedIf, twoWayKl } from './softened.js';

/**
 * SCD: T²·KL of two-way distributions, the student's split at the target, the teacher's at its own
 * largest logit, so that a wrong teacher passes on how sure it is, not what it believes.
 */
export function sampleConfidenceLoss(zs: Tensor2D, zt: Tensor2D, y: Tensor1D, temperature: number): Scalar {
  const classes = zs.shape[1];
  const teacherAt = oneHot(tf.argMax<Tensor1D>(zt, 1), classes);
  return twoWayKl(zs, zt, { studentAt: oneHot(y, classes), teacherAt, temperature });
}

/**
 * MCD: T²·KL over the classes that the teacher ranks below the target; the target and what is ranked
 * no lower take no part on either side. A row where nothing is left gives 0.
 */
export function maskedCorrelationLoss(zs: Tensor2D, zt: Tensor2D, y: Tensor1D, temperature: number): Scalar {
  const ofTarget = tf.sum(tf.mul(zt, oneHot(y, zs.shape[1])), 1, true);
  const below = tf.cast<Tensor2D>(tf.less(zt, ofTarget), 'float32');
  return softenedKl(zs, zt, temperature, below);
}

/** `L = CE + g·(α·SCD + β·MCD)`, g = min(epoch/warmupEpochs, 1). */
export const rld = defineDistiller({
  ...distillerFacts.rld,
  create: (o) => (input) => {
    const g = epochWarmup(input.epoch, o);
    const [zs, zt] = standardisedIf(o.logitStandardization, input);
    return {
      ce: { value: input.crossEntropy(), weight: o.ceWeight },
      confidence: { value: sampleConfidenceLoss(zs, zt, input.y, o.confidenceTemperature), weight: tf.mul(g, o.alpha) },
      correlation: { value: maskedCorrelationLoss(zs, zt, input.y, o.temperature), weight: tf.mul(g, o.beta) },
    };
  },
});
