import { z } from 'zod';
import { parseDocument } from '../documents.js';
import type { RunId } from '../ids.js';
import { checkpointPrefix } from '../object-keys.js';
import type { Checkpoint } from './checkpoints.js';

/** The result of an epoch. Written into checkpoints, so that a resumed run's curve has no gap. */
export const epochSummarySchema = z.object({
  /** Counts from 1. */
  epoch: z.int().min(1),
  /** Steps done when it ended. */
  step: z.int().min(1),
  /** Learning rate of its last step. */
  lr: z.number(),
  /** Mean over the epoch's images, unweighted, by term; and the weighted `total`. */
  losses: z.record(z.string(), z.number()),
  /** Share of training images guessed right as they were seen. */
  trainTop1: z.number(),
});

export type EpochSummary = Readonly<z.output<typeof epochSummarySchema>>;

/** A checkpoint's `history.json`: the epochs that have ended, and sums over the images of the one under way. */
export const historySchema = z.object({
  epochs: z.array(epochSummarySchema),
  partial: z.object({
    images: z.int().min(0),
    correct: z.int().min(0),
    losses: z.record(z.string(), z.number()),
  }),
});

export type HistoryDocument = z.output<typeof historySchema>;

/** The epochs of a run up to a checkpoint. @throws DocumentError */
export function historyOf(run: RunId, { manifest, parts }: Checkpoint): HistoryDocument {
  return parseDocument(`${checkpointPrefix(run, manifest.step)}history.json`, parts['history.json'], historySchema);
}
