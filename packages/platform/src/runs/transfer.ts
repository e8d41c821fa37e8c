import { z } from 'zod';
import { passedOverSchema } from './passed-over.js';

/** The result of a linear probe of the student's frozen features on another data set. */
export const transferSchema = z.object({
  dataset: z.string(),
  /** What the data are where they are not the original ones; else empty. */
  standIn: z.string(),
  /** How the probe was fitted: on features of un-augmented images, extracted once. */
  mode: z.literal('cached'),
  classes: z.int(),
  trainImages: z.int(),
  testImages: z.int(),
  /** What of each split's files is not used; absent in reports of earlier builds. */
  passedOver: passedOverSchema.exactOptional(),
  /** Share of test images guessed right after the last epoch. */
  top1: z.number(),
  /** Test images whose logits are not finite, and so guessed wrong: with any, the probe has diverged. */
  nonFinite: z.int().default(0),
  trainTop1: z.number(),
});

export type TransferResult = Readonly<z.output<typeof transferSchema>>;
