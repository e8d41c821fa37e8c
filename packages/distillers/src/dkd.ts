import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { epochWarmup, oneHot, softenedKl, standardisedIf, twoWayKl } from './softened.js';

/** TCKD: T²·KL of the two-way (target, rest) distributions. Equation 5 of arXiv 2203.08679. */
export function targetClassLoss(zs: Tensor2D, zt: Tensor2D, y: Tensor1D, temperature: number): Scalar {
  const target = oneHot(y, zs.shape[1]);
  return twoWayKl(zs, zt, { studentAt: target, teacherAt: target, temperature });
}

/** NCKD: T²·KL between the two softmaxes over the classes that are not the target. Equation 5 of arXiv 2203.08679. */
export function otherClassesLoss(zs: Tensor2D, zt: Tensor2D, y: Tensor1D, temperature: number): Scalar {
  return softenedKl(zs, zt, temperature, tf.sub(1, oneHot(y, zs.shape[1])));
}

/** `L = CE + g·(α·TCKD + β·NCKD)`, g = min(epoch/warmupEpochs, 1). */
export const dkd = defineDistiller({
  ...distillerFacts.dkd,
  create: (o) => (input) => {
    const g = epochWarmup(input.epoch, o);
    const [zs, zt] = standardisedIf(o.logitStandardization, input);
    return {
      ce: { value: input.crossEntropy(), weight: o.ceWeight },
      target: { value: targetClassLoss(zs, zt, input.y, o.temperature), weight: tf.mul(g, o.alpha) },
      others: { value: otherClassesLoss(zs, zt, input.y, o.temperature), weight: tf.mul(g, o.beta) },
    };
  },
});
