import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { softenedKl, standardisedIf } from './softened.js';

type Loss = (zs: Tensor2D, zt: Tensor2D, temperature: number) => Scalar;

/** ‖Gs − Gt‖²_F / B with G = P·Pᵀ: how alike the samples of a batch are. */
export const batchSimilarity: Loss = (zs, zt, temperature) => gramDistance(zs, zt, temperature, 'rows');

/** ‖Hs − Ht‖²_F / C with H = Pᵀ·P: how the classes go together. */
export const classSimilarity: Loss = (zs, zt, temperature) => gramDistance(zs, zt, temperature, 'columns');

function gramDistance(zs: Tensor2D, zt: Tensor2D, temperature: number, side: 'rows' | 'columns'): Scalar {
  const gram = (logits: Tensor2D) => {
    const p = tf.softmax(tf.div<Tensor2D>(logits, temperature));
    return side === 'rows' ? tf.matMul(p, p, false, true) : tf.matMul(p, p, true, false);
  };
  const count = side === 'rows' ? zs.shape[0] : zs.shape[1];
  return tf.div(tf.sum(tf.squaredDifference(gram(zs), gram(zt))), count);
}

/** `L = w_ce·CE + Σ_T (w_ins·T²·KL + w_bat·‖ΔG‖²/B + w_cls·‖ΔH‖²/C)`, each at every temperature. */
export const mlld = defineDistiller({
  ...distillerFacts.mlld,
  create: (o) => (input) => {
    const [zs, zt] = standardisedIf(o.logitStandardization, input);
    const overTemperatures = (loss: Loss) => o.temperatures.map((t) => loss(zs, zt, t)).reduce((a, b) => tf.add(a, b));
    return {
      ce: { value: input.crossEntropy(), weight: o.ceWeight },
      instance: { value: overTemperatures(softenedKl), weight: o.instanceWeight },
      batch: { value: overTemperatures(batchSimilarity), weight: o.batchWeight },
      class: { value: overTemperatures(classSimilarity), weight: o.classWeight },
    };
  },
});
