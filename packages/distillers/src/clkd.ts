import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { defineDistiller } from './distiller.js';
import { unitRows } from './unit-rows.js';

/*
 * CLKD, class-aware logit knowledge distillation (arXiv 2211.14773). Only its abstract was to be had:
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
    const columns = unitRows(tf.transpose(tf.sub(logits, tf.mean(logits, 0, true))) as Tensor2D);
    return tf.matMul(columns, columns, false, true);
  };
  return tf.mean(tf.squaredDifference(correlations(zs), correlations(zt)));
}

/** `L = w_ce·CE + w_ins·L_ins + w_cls·L_cls + w_cor·L_cor`. */
export const clkd = defineDistiller({
  summary: "class-aware logit distillation (this project's reading)",
  source: 'arXiv 2211.14773',
  needsTeacher: true,
  options: z.strictObject({
    ceWeight: z.number().min(0).default(1),
    instanceWeight: z.number().min(0).default(1).describe('of the rows, scaled to length 1'),
    classWeight: z.number().min(0).default(1).describe('of the columns, scaled to length 1'),
    correlationWeight: z.number().min(0).default(1).describe('of the correlations between classes'),
  }),
  create:
    (o) =>
    ({ zs, zt, crossEntropy }) => ({
      ce: { value: crossEntropy(), weight: o.ceWeight },
      instance: { value: instanceAgreement(zs, zt), weight: o.instanceWeight },
      class: { value: classAgreement(zs, zt), weight: o.classWeight },
      correlation: { value: classCorrelation(zs, zt), weight: o.correlationWeight },
    }),
});
