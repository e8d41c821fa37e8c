import { z } from 'zod';
import { defineDistiller } from './distiller.js';
import { logitStandardization, softenedKl, standardisedIf } from './softened.js';

/**
 * `L = ceWeight·CE(zs, y) + kdWeight·T²·KL(p(zt, T) ‖ p(zs, T))`.
 * Hinton et al., "Distilling the knowledge in a neural network", arXiv 1503.02531.
 */
export const kd = defineDistiller({
  summary: "Hinton's knowledge distillation: softened teacher probabilities",
  source: 'arXiv 1503.02531',
  needsTeacher: true,
  options: z.strictObject({
    temperature: z.number().positive().default(4).describe('T, softens both distributions'),
    ceWeight: z.number().min(0).default(0.1),
    kdWeight: z.number().min(0).default(0.9),
    logitStandardization,
  }),
  create: (o) => (input) => ({
    ce: { value: input.crossEntropy(), weight: o.ceWeight },
    kd: {
      value: softenedKl(...standardisedIf(o.logitStandardization, input), o.temperature),
      weight: o.kdWeight,
    },
  }),
});
