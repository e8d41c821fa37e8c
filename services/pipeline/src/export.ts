import { type ExportStudentRequest, StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { datasetFacts } from '@mcld/datasets/facts.js';
import { encodeOnnx } from '@mcld/models/formats/onnx-export.js';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { classesOf } from '@mcld/models/layers/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, type RunId } from '@mcld/platform/ids.js';
import { type Checkpoint, newestCheckpoint, readCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { bestCheckpoint, evaluationOf } from '@mcld/platform/runs/evaluations.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import type { Runs } from './runs.js';

/**
 * The student of a run's newest whole checkpoint as a file; where that one is known to have diverged, of the best that is left.
 * @throws NotFoundError, StateError, RequestError
 */
export async function exportStudent(
  runs: Runs,
  { objects }: Pick<Adapters, 'objects'>,
  { runId, format, keepNorms, rawPixels, labels }: ExportStudentRequest,
): Promise<Uint8Array> {
  const record = await runs.get(asRunId(runId));
  const file = (await studentOf(objects, record.id)).parts['model.safetensors'];
  if (format === StudentFormat.SAFETENSORS) return file;
  if (format !== StudentFormat.ONNX) throw new RequestError('format: expected SAFETENSORS or ONNX');
  const { model, dataset } = record.recipe;
  const { tensors } = decodeSafetensors(file);
  const classes = classesOf(model, tensors);
  if (labels.length > 0 && labels.length !== classes) {
    throw new RequestError(`labels: ${labels.length} for ${classes} classes`);
  }
  return encodeOnnx(model, classes, tensors, {
    fold: !keepNorms,
    ...(rawPixels && { normalisation: datasetFacts[dataset.name].normalisation }),
    ...(labels.length > 0 && { labels }),
  });
}

async function studentOf(objects: ObjectStore, run: RunId): Promise<Checkpoint> {
  const newest = await newestCheckpoint(objects, run, () => {});
  if (!newest) throw new StateError(`run ${run} has no whole checkpoint yet`);
  const { step } = newest.manifest;
  const evaluation = await evaluationOf(objects, run, step);
  if (!evaluation || !isDiverged(evaluation)) return newest;
  const best = await bestCheckpoint(objects, run);
  if (best === undefined) {
    throw new StateError(`the student of run ${run} diverged, at step ${step}; it has no better checkpoint`);
  }
  return readCheckpoint(objects, run, best);
}
