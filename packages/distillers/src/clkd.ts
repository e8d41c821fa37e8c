import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { unitRows } from './unit-rows.js';

/*
 * CLKD, class-aware logit knowledge distillation (arXiv 2211.14773). Only its abstract was available:
 * a READING, as docs/method.md says.
 */

/** Mean squared error of the logits, each row scaled to length 1. */
export function instanceAgreement(zs: Tensor2D, zt: Tensor2D): Scalar {
  return tf.mean(tf.squaredDifference(unitRows(zs), unitRows(zt)));
}

/** The same along the batch: each class's column scaled to length 1. */
export function classAgreement(zs: Tensor2D, zt: Tensor2D): Scalar {
  return instanceAgreement(tf.transpose(zs), tf.transpose(zt));
}

/** ‖R(zs) − R(zt)‖²_F / C², R the C×C correlation matrix of the classes over the batch. */
export function classCorrelation(zs: Tensor2D, zt: Tensor2D): Scalar {
  const correlations = (logits: Tensor2D) => {
    const columns = unitRows(tf.transpose(tf.sub<Tensor2D>(logits, tf.mean(logits, 0, true))));
    return tf.matMul(columns, columns, false, true);
  };
  return tf.mean(tf.squaredDifference(correlations(zs), correlations(zt)));
}

/** `L = w_ce·CE + w_ins·L_ins + w_cls·L_cls + w_cor·L_cor`. */
export const clkd = defineDistiller({
  ...distillerFacts.clkd,
  create:
    (o) =>
    ({ zs, zt, crossEntropy }) => ({
      ce: { value: crossEntropy(), weight: o.ceWeight },
      instance: { value: instanceAgreement(zs, zt), weight: o.instanceWeight },
      class: { value: classAgreement(zs, zt), weight: o.classWeight },
      correlation: { value: classCorrelation(zs, zt), weight: o.correlationWeight },
    }),
});
