import { z } from 'zod';
import { defineDistiller } from './distiller.js';

/** Cross-entropy with the targets, no teacher: `L = CE(zs, y)`. */
export const ce = defineDistiller({
  summary: 'cross-entropy; a student alone, or a teacher in training',
  source: '',
  needsTeacher: false,
  options: z.strictObject({}),
  create: () => (input) => ({ ce: { value: input.crossEntropy(), weight: 1 } }),
});
