import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';
import { softenedKl, standardisedIf } from './softened.js';

/**
 * `L = ceWeight·CE(zs, y) + kdWeight·T²·KL(p(zt, T) ‖ p(zs, T))`.
 * Hinton et al., "Distilling the knowledge in a neural network", arXiv 1503.02531.
 */
export const kd = defineDistiller({
  ...distillerFacts.kd,
  create: (o) => (input) => ({
    ce: { value: input.crossEntropy(), weight: o.ceWeight },
    kd: {
      value: softenedKl(...standardisedIf(o.logitStandardization, input), o.temperature),
      weight: o.kdWeight,
    },
  }),
});
