import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';

const EPSILON = 1e-12;

/**
 * InfoNCE on negative Euclidean distances: a student's row is drawn to the teacher's row of the same
 * sample and away from the student's other rows,
 * mean_i −log( e^{−|zs_i − zt_i|/τ} / (e^{−|zs_i − zt_i|/τ} + Σ_{j≠i} e^{−|zs_i − zs_j|/τ}) ).
 * Takes the differences themselves, [B, B, C], since a Gram matrix would cancel between near rows.
 */
export function contrastLoss(zs: Tensor2D, zt: Tensor2D, tau: number): Scalar {
  const distance = (square: tf.Tensor) => tf.sqrt(tf.add(square, EPSILON));
  const positive = distance(tf.sum(tf.squaredDifference(zs, zt), 1));
  const pairs = tf.sum(tf.square(tf.sub(tf.expandDims(zs, 1), tf.expandDims(zs, 0))), 2);
  // The diagonal, a row's distance to itself, gives its place to the positive pair.
  const diagonal = tf.eye(zs.shape[0]);
  const others = tf.mul(distance(pairs), tf.sub(1, diagonal));
  const all = tf.add(others, tf.mul(diagonal, tf.expandDims(positive, 1)));
  return tf.mean(tf.add(tf.div(positive, tau), tf.logSumExp(tf.div(all, -tau), 1)));
}

/** `L = w_ce·CE + w_con·L_con`. */
export const ckd = defineDistiller({
  ...distillerFacts.ckd,
  create:
    (o) =>
    ({ zs, zt, crossEntropy }) => ({
      ce: { value: crossEntropy(), weight: o.ceWeight },
      contrast: { value: contrastLoss(zs, zt, o.tau), weight: o.contrastWeight },
    }),
});
