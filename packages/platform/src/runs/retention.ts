import type { RunId } from '../ids.js';
import type { ObjectStore } from '../storage/object-store.js';
import { bestOf, type CheckpointMetrics, type MeasuredCheckpoint, measuredCheckpoints } from './best-checkpoint.js';
import { deleteCheckpoint } from './checkpoints.js';

/** Which of a run's checkpoints stay besides the best one. */
export interface RetentionPolicy {
  /** How many of the newest; at least 1. */
  readonly keepLast: number;
}

/**
 * Steps of the checkpoints that may go: all but the newest ones and the best of those that have been evaluated.
 * @param checkpoints in rising steps
 */
export function expired(checkpoints: readonly MeasuredCheckpoint[], { keepLast }: RetentionPolicy): number[] {
  const best = bestOf(checkpoints);
  return checkpoints
    .slice(0, -keepLast)
    .map(({ step }) => step)
    .filter((step) => step !== best);
}

/** Deletes the checkpoints of a run that have expired. @returns their steps */
export async function pruneCheckpoints(
  objects: ObjectStore,
  metrics: CheckpointMetrics,
  run: RunId,
  policy: RetentionPolicy,
): Promise<number[]> {
  const steps = expired(await measuredCheckpoints(objects, metrics, run), policy);
  for (const step of steps) await deleteCheckpoint(objects, run, step);
  return steps;
}
