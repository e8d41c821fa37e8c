import { type ExportStudentRequest, StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { datasetKinds } from '@mcld/datasets/catalog.js';
import { encodeOnnx } from '@mcld/models/onnx-export.js';
import { decodeSafetensors } from '@mcld/models/safetensors.js';
import { classesOf } from '@mcld/models/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId } from '@mcld/platform/ids.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import type { Runs } from './runs.js';

/** The student of a run's newest whole checkpoint as a file. @throws NotFoundError, StateError, RequestError */
export async function exportStudent(
  runs: Runs,
  { objects }: Adapters,
  { runId, format, keepNorms, rawPixels, labels }: ExportStudentRequest,
): Promise<Uint8Array> {
  const record = await runs.get(asRunId(runId));
  const checkpoint = await newestCheckpoint(objects, record.id, () => {});
  if (!checkpoint) throw new StateError(`run ${runId} has no whole checkpoint yet`);
  const file = checkpoint.parts['model.safetensors'];
  if (format === StudentFormat.SAFETENSORS) return file;
  if (format !== StudentFormat.ONNX) throw new RequestError('format: expected SAFETENSORS or ONNX');
  const { model, dataset } = parseRecipe(record.recipe);
  const { tensors } = decodeSafetensors(file);
  const classes = classesOf(model, tensors);
  if (labels.length > 0 && labels.length !== classes) {
    throw new RequestError(`labels: ${labels.length} for ${classes} classes`);
  }
  return encodeOnnx(model, classes, tensors, {
    fold: !keepNorms,
    ...(rawPixels && { normalisation: datasetKinds[dataset.name].normalisation }),
    ...(labels.length > 0 && { labels }),
  });
}
