import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { infoNce } from './info-nce.js';
import { MASKED } from './softened.js';
import { unitRows } from './unit-rows.js';

/*
 * MCLD, Multi-perspective Contrastive Logit Distillation (Wang & Zhou, arXiv 2411.10693). The
 * paper's equations were not available: this is this project's READING of its text,
 * and every choice that the text leaves open is an option. See docs/method.md.
 *
 * Raw student logits zs are contrasted with the teacher's zt, [B, C] both, by
 * sim(a, b) = <a, b> / (|a||b|), or the dot product; M_ij = [y_i = y_j] is the target mask.
 */

export type Similarity = 'cosine' | 'dot';

interface Comparison {
  readonly tau: number;
  readonly similarity: Similarity;
}

/** Rows u and v with u·vᵀ = sim(a_i, b_j)/tau. */
function comparable(a: Tensor2D, b: Tensor2D, { tau, similarity }: Comparison): [Tensor2D, Tensor2D] {
  const [u, v] = similarity === 'cosine' ? [unitRows(a), unitRows(b)] : [a, b];
  return [tf.div(u, tau), v];
}

/** M_ij = [y_i = y_j], float32 [B, B]. */
function targetMask(y: Tensor1D): Tensor2D {
  return tf.cast(tf.equal(tf.expandDims(y, 1), tf.expandDims(y, 0)), 'float32');
}

/**
 * L_ins = mean_i −log( e^{sim(zs_i, zt_i)/τ} / Σ_{j ∈ N(i)} e^{sim(zs_i, zt_j)/τ} ), where
 * N(i) = {i} ∪ {j : y_j ≠ y_i} with the target mask on, all j with it off.
 */
export function instanceLoss(
  { zs, zt, y }: { zs: Tensor2D; zt: Tensor2D; y: Tensor1D },
  { mask, ...comparison }: Comparison & { readonly mask: boolean },
): Scalar {
  const rows = comparable(zs, zt, comparison);
  if (!mask) return infoNce(...rows);
  const others = tf.sub(targetMask(y), tf.eye(zs.shape[0]));
  return infoNce(...rows, { mask: tf.mul(others, MASKED) });
}

/**
 * L_sam = mean_i −(1/|P_i|) Σ_{j ∈ P_i} log( e^{sim(zs_i, zt_j)/τ} / Σ_k e^{sim(zs_i, zt_k)/τ} ),
 * P_i = {j : y_j = y_i}, i itself among them.
 */
export function sampleLoss({ zs, zt, y }: { zs: Tensor2D; zt: Tensor2D; y: Tensor1D }, comparison: Comparison): Scalar {
  const same = targetMask(y);
  return infoNce(...comparable(zs, zt, comparison), { positives: tf.div(same, tf.sum(same, 1, true)) });
}

/**
 * L_cat = mean_c −log( e^{sim(us_c, ut_c)/τ} / Σ_d e^{sim(us_c, ut_d)/τ} ), where us_c and ut_c ∈ R^B
 * are the c-th columns of zs and zt.
 */
export function categoryLoss({ zs, zt }: { zs: Tensor2D; zt: Tensor2D }, comparison: Comparison): Scalar {
  return infoNce(...comparable(tf.transpose(zs), tf.transpose(zt), comparison));
}

/** `L = w_ce·CE + w_ins·L_ins + w_sam·L_sam + g(e)·w_cat·L_cat`, g(e) = min(e/warmupEpochs, 1). */
export const mcld = defineDistiller({
  ...distillerFacts.mcld,
  create: (o) => (input) => {
    const { similarity } = o;
    const g = o.warmup === 'linear' ? tf.minimum(tf.div(input.epoch, o.warmupEpochs), 1) : 1;
    const instance = instanceLoss(input, { tau: o.tauInstance, similarity, mask: o.targetMask });
    return {
      ce: { value: input.crossEntropy(), weight: o.ceWeight },
      instance: { value: instance, weight: o.instanceWeight },
      sample: { value: sampleLoss(input, { tau: o.tauSample, similarity }), weight: o.sampleWeight },
      category: { value: categoryLoss(input, { tau: o.tauCategory, similarity }), weight: tf.mul(g, o.categoryWeight) },
    };
  },
});
