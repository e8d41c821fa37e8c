import { ofRank } from '@mcld/tensor/rank.js';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { standardise } from './logit-standardization.js';

/** What the distillers that compare softened probabilities share. */

/** Keeps a class out of a softmax: its probability and its gradient are 0. */
export const MASKED = -1e30;

/**
 * T²·KL(p(zt, T) ‖ p(zs, T)), summed over classes, batch mean.
 * @param zs student logits, float32 [B, C]
 * @param zt teacher logits, the same
 * @param left float32 [B, C] of 0 and 1: which classes take part, default all. A row of zeros gives 0.
 */
export function softenedKl(zs: Tensor2D, zt: Tensor2D, temperature: number, left?: Tensor2D): Scalar {
  const logs = (z: Tensor2D): Tensor2D => {
    const scaled = tf.div<Tensor2D>(z, temperature);
    return tf.logSoftmax(left ? tf.where(tf.cast(left, 'bool'), scaled, tf.fill(z.shape, MASKED)) : scaled);
  };
  const [logPs, logPt] = [logs(zs), logs(zt)];
  const kl = tf.sum(tf.mul(tf.exp(logPt), tf.sub(logPt, logPs)), 1);
  return tf.mul(tf.mean(kl), temperature ** 2);
}

/** log p and log(1 − p) of one class a row at a temperature, [B] each; exact where p rounds to 1. */
interface Split {
  readonly log: Tensor1D;
  readonly logRest: Tensor1D;
}

/** @param at float32 [B, C], one 1 a row */
function splitAt(z: Tensor2D, at: Tensor2D, temperature: number): Split {
  const scaled = tf.div<Tensor2D>(z, temperature);
  const all = tf.logSumExp(scaled, 1);
  const rest = tf.logSumExp(tf.where(tf.cast(at, 'bool'), tf.fill(z.shape, MASKED), scaled), 1);
  return { log: tf.sub(tf.sum(tf.mul(scaled, at), 1), all), logRest: tf.sub(rest, all) };
}

/**
 * T²·KL between two-way distributions (one class, all the rest), batch mean.
 * @param studentAt, teacherAt float32 [B, C], one 1 a row: where each side is split
 */
export function twoWayKl(
  zs: Tensor2D,
  zt: Tensor2D,
  { studentAt, teacherAt, temperature }: { studentAt: Tensor2D; teacherAt: Tensor2D; temperature: number },
): Scalar {
  const [s, t] = [splitAt(zs, studentAt, temperature), splitAt(zt, teacherAt, temperature)];
  const part = (logT: Tensor1D, logS: Tensor1D) => tf.mul(tf.exp(logT), tf.sub(logT, logS));
  return tf.mul(tf.mean(tf.add(part(t.log, s.log), part(t.logRest, s.logRest))), temperature ** 2);
}

/** Targets as rows of 0 and one 1, float32 [B, C]. */
export const oneHot = (y: Tensor1D, classes: number): Tensor2D => ofRank(tf.oneHot(y, classes, 1, 0, 'float32'), 2);

/** Both logits as the option `logitStandardization` says. */
export function standardisedIf(on: boolean, { zs, zt }: { zs: Tensor2D; zt: Tensor2D }): [Tensor2D, Tensor2D] {
  return on ? [standardise(zs), standardise(zt)] : [zs, zt];
}

/** min(e/warmupEpochs, 1), whole epochs counted from 1 as in the reference implementations. */
export function epochWarmup(epoch: Scalar, o: { warmup: 'linear' | 'none'; warmupEpochs: number }): Scalar {
  if (o.warmup === 'none') return tf.scalar(1);
  return tf.minimum(tf.div(tf.add(tf.floor(epoch), 1), o.warmupEpochs), 1);
}
