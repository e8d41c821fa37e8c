import { z } from 'zod';

const alpha = z.number().min(0).max(1).default(0);

/** Images of a batch mixed with one another, after their augmentation: row i with row N − 1 − i. */
export const mixSchema = z.strictObject({
  mixup: alpha.describe("Beta's parameter for Mixup (Zhang et al., 2018), at most 1; 0: none"),
  cutmix: alpha.describe("Beta's parameter for CutMix (Yun et al., 2019); with both, each batch draws one of them"),
});

export type Mix = z.output<typeof mixSchema>;

/** Whether images of a batch are mixed: then no other step shows what a row shows. */
export const isMixed = (mix: Mix | undefined): boolean => mix !== undefined && (mix.mixup > 0 || mix.cutmix > 0);
