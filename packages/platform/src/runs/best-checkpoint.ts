import type { RunId } from '../ids.js';
import type { ObjectStore } from '../storage/object-store.js';
import { listCheckpoints } from './checkpoints.js';
import { isDiverged, type MetricsRecord } from './metrics.js';

/** Where the results of checkpoints are found. */
export interface CheckpointMetrics {
  /** Test metrics of a run's checkpoint; undefined where it has not been evaluated. */
  of(run: RunId, step: number): Promise<Pick<MetricsRecord, 'top1' | 'nonFinite'> | undefined>;
}

/** A checkpoint and its result. */
export interface MeasuredCheckpoint {
  readonly step: number;
  readonly metrics: Pick<MetricsRecord, 'top1' | 'nonFinite'> | undefined;
}

/** Step of the checkpoint with the best test top-1, the first of equals; none that diverged or got nothing right. */
export function bestOf(checkpoints: readonly MeasuredCheckpoint[]): number | undefined {
  let best: { step: number; top1: number } | undefined;
  for (const { step, metrics } of checkpoints) {
    if (metrics && !isDiverged(metrics) && metrics.top1 > (best?.top1 ?? 0)) best = { step, top1: metrics.top1 };
  }
  return best?.step;
}

/** The checkpoints that a run has, in rising steps. */
export async function measuredCheckpoints(
  objects: ObjectStore,
  metrics: CheckpointMetrics,
  run: RunId,
): Promise<MeasuredCheckpoint[]> {
  const steps = await listCheckpoints(objects, run);
  return Promise.all(steps.map(async (step) => ({ step, metrics: await metrics.of(run, step) })));
}
