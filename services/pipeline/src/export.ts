import { type ExportStudentRequest, StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { datasetFacts } from '@mcld/datasets/facts.js';
import { listed } from '@mcld/errors/text.js';
import { encodeOnnx } from '@mcld/models/formats/onnx-export.js';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { classesOf } from '@mcld/models/layers/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { NotFoundError, RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, type RunId } from '@mcld/platform/ids.js';
import { type Checkpoint, listCheckpoints, newestCheckpoint, readCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { bestCheckpoint, evaluationOf } from '@mcld/platform/runs/evaluations.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import type { Runs } from './runs.js';

/**
 * The student of the checkpoint at `step` as a file. Step 0: of the newest that is whole or, where that one is known to
 * have diverged, of the best one left.
 * @throws NotFoundError, StateError, RequestError, CheckpointError for one that is damaged
 */
export async function exportStudent(
  runs: Runs,
  { objects }: Pick<Adapters, 'objects'>,
  { runId, format, keepNorms, rawPixels, labels, step }: ExportStudentRequest,
): Promise<Uint8Array> {
  const record = await runs.get(asRunId(runId));
  const file = (await (step > 0 ? checkpointAt(objects, record.id, step) : studentOf(objects, record.id))).parts[
    'model.safetensors'
  ];
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

async function checkpointAt(objects: ObjectStore, run: RunId, step: number): Promise<Checkpoint> {
  const steps = await listCheckpoints(objects, run);
  if (steps.includes(step)) return readCheckpoint(objects, run, step);
  const others = steps.length > 0 ? `those at steps ${listed(steps.map(String), 20)}` : 'none';
  throw new NotFoundError(`run ${run} has no checkpoint at step ${step}: it has ${others}`);
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
