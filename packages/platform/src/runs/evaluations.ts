import { getDocument } from '../documents.js';
import type { RunId } from '../ids.js';
import { evaluationKey, reportKey } from '../object-keys.js';
import { type ObjectStore, putJson } from '../storage/object-store.js';
import { bestOf, type CheckpointMetrics, measuredCheckpoints } from './best-checkpoint.js';
import { type EvaluationPoint, evaluationPointSchema } from './metrics.js';

export const keepEvaluation = (objects: ObjectStore, run: RunId, point: EvaluationPoint): Promise<void> =>
  putJson(objects, evaluationKey(run, point.step), point);

/** The evaluations of a run's checkpoints so far, in rising steps. @throws DocumentError */
export async function storedEvaluations(objects: ObjectStore, run: RunId): Promise<EvaluationPoint[]> {
  const keys = await objects.list(reportKey(run, 'evaluation-'));
  const points = await Promise.all(keys.map((key) => getDocument(objects, key, evaluationPointSchema)));
  return points.filter((point) => point !== undefined).sort((a, b) => a.step - b.step);
}

/** The result of a run's checkpoint; undefined where it has not been evaluated. @throws DocumentError */
export const evaluationOf = (objects: ObjectStore, run: RunId, step: number): Promise<EvaluationPoint | undefined> =>
  getDocument(objects, evaluationKey(run, step), evaluationPointSchema);

/** What the evaluator has kept of checkpoints. */
export const evaluatedMetrics = (objects: ObjectStore): CheckpointMetrics => ({
  of: (run, step) => evaluationOf(objects, run, step),
});

/** Step of the checkpoint with the best evaluated top-1, among those that exist; never one that diverged. */
export const bestCheckpoint = async (objects: ObjectStore, run: RunId): Promise<number | undefined> =>
  bestOf(await measuredCheckpoints(objects, evaluatedMetrics(objects), run));
