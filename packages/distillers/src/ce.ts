import { defineDistiller } from './distiller.js';
import { distillerFacts } from './facts.js';

/** Cross-entropy with the targets, no teacher: `L = CE(zs, y)`. */
export const ce = defineDistiller({
  ...distillerFacts.ce,
  create: () => (input) => ({ ce: { value: input.crossEntropy(), weight: 1 } }),
});
