import type { RunId } from '../ids.js';
import { evaluationKey, reportKey } from '../layout.js';
import { getJson, type ObjectStore, putJson } from '../storage/object-store.js';
import { listCheckpoints } from './checkpoints.js';
import { isDiverged, type MetricsRecord } from './metrics.js';

/** What a run's checkpoint came to on the test split. */
export interface EvaluationPoint extends MetricsRecord {
  readonly step: number;
  readonly epoch: number;
}

export const keepEvaluation = (objects: ObjectStore, run: RunId, point: EvaluationPoint): Promise<void> =>
  putJson(objects, evaluationKey(run, point.step), point);

/** The evaluations of a run's checkpoints so far, in rising steps. */
export async function storedEvaluations(objects: ObjectStore, run: RunId): Promise<EvaluationPoint[]> {
  const keys = await objects.list(reportKey(run, 'evaluation-'));
  const found = (await Promise.all(keys.map((key) => getJson(objects, key)))) as (EvaluationPoint | undefined)[];
  return found.filter((point) => point !== undefined).sort((a, b) => a.step - b.step);
}

/** What a run's checkpoint came to; undefined where it has not been evaluated. */
export const evaluationOf = async (
  objects: ObjectStore,
  run: RunId,
  step: number,
): Promise<EvaluationPoint | undefined> =>
  (await getJson(objects, evaluationKey(run, step))) as EvaluationPoint | undefined;

/** Step of the checkpoint with the best evaluated top-1, of those that are there; none that diverged. */
export async function bestCheckpoint(objects: ObjectStore, run: RunId): Promise<number | undefined> {
  let best: EvaluationPoint | undefined;
  for (const step of await listCheckpoints(objects, run)) {
    const found = await evaluationOf(objects, run, step);
    if (found && !isDiverged(found) && found.top1 > (best?.top1 ?? 0)) best = found;
  }
  return best?.step;
}
