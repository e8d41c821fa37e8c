import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { assertOnnxClassifier } from '@mcld/models/onnx-import.js';
import { declareParameters } from '@mcld/models/parameters.js';
import { isModelName, modelNames } from '@mcld/models/registry.js';
import { decodeSafetensors, encodeSafetensors } from '@mcld/models/safetensors.js';
import { assertStateOf, classesOf } from '@mcld/models/state-dict.js';
import { decodeTorchCheckpoint, isTorchCheckpoint } from '@mcld/models/torch-checkpoint.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { NotFoundError, RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, asTeacherDigest, type TeacherDigest } from '@mcld/platform/ids.js';
import { ensembleTeacherKey, onnxTeacherKey, teacherKey, teacherKeys } from '@mcld/platform/layout.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { storeTeacher } from '@mcld/platform/storage/teachers.js';
import type { Recipe, SingleTeacher } from '@mcld/recipe/schema.js';

/**
 * Stores a teacher under its digest: weights of a model here (safetensors, or a PyTorch checkpoint) in one
 * canonical form once they are checked against it, an ONNX model as it is.
 * @param model whose weights they are; '' for an ONNX model
 * @throws SafetensorsError, TorchCheckpointError, PickleError, OnnxError, WeightMismatchError, RequestError
 */
export async function importTeacher(objects: ObjectStore, model: string, file: Uint8Array): Promise<TeacherDigest> {
  const format = formatOf(file);
  if (format === 'onnx') {
    assertOnnxClassifier(file);
    return storeTeacher(objects, onnxTeacherKey, file);
  }
  if (!isModelName(model)) throw new RequestError(`model '${model}': expected one of ${modelNames.join(', ')}`);
  const tensors = format === 'torch' ? await decodeTorchCheckpoint(file) : decodeSafetensors(file).tensors;
  const classes = classesOf(model, tensors);
  assertStateOf(model, classes, tensors);
  const known = declareParameters(model, classes).parameters;
  const canonical = new Map(
    known.map(({ name }) => [name, tensors.get(name) as NonNullable<ReturnType<typeof tensors.get>>]),
  );
  return storeTeacher(
    objects,
    teacherKey,
    encodeSafetensors(canonical, { format: 'pt', model, classes: String(classes) }),
  );
}

/** Told by the first bytes: a zip archive, a header length with JSON after it, or else a protocol buffer. */
function formatOf(file: Uint8Array): 'safetensors' | 'torch' | 'onnx' {
  if (isTorchCheckpoint(file)) return 'torch';
  return file.length < 9 || file[8] === 0x7b ? 'safetensors' : 'onnx';
}

/** What teachers are found in and made with. */
export interface TeacherParts {
  readonly adapters: Adapters;
  /** It speaks to other servers, and knows which it may. */
  readonly teachers: OpenClient<typeof TeacherInferenceServiceDefinition>['client'];
}

/**
 * The digest of the teacher that a recipe names; a run's newest checkpoint becomes a teacher here, and so does the mean
 * of several, and a model on another server as it is now.
 * @returns empty for a recipe without one
 */
export async function resolveTeacher(parts: TeacherParts, { teacher }: Recipe): Promise<TeacherDigest | ''> {
  if (!teacher) return '';
  if (!('ensemble' in teacher)) return resolveOne(parts, teacher);
  const members: TeacherDigest[] = [];
  for (const member of teacher.ensemble) members.push(await resolveOne(parts, member));
  const ensemble = { members, mean: teacher.mean };
  return storeTeacher(parts.adapters.objects, ensembleTeacherKey, Buffer.from(JSON.stringify(ensemble)));
}

async function resolveOne({ adapters, teachers }: TeacherParts, teacher: SingleTeacher): Promise<TeacherDigest> {
  if ('file' in teacher) {
    throw new RequestError('teacher.file is read by the client: import it first, then name its digest');
  }
  if ('endpoint' in teacher) {
    const { endpoint, name, version = '' } = teacher;
    return asTeacherDigest((await teachers.pinEndpoint({ endpoint, name, version })).teacherDigest);
  }
  if ('digest' in teacher) {
    const digest = asTeacherDigest(teacher.digest);
    for (const keyOf of teacherKeys) {
      if (await adapters.objects.get(keyOf(digest))) return digest;
    }
    throw new NotFoundError(`teacher.digest: no teacher ${digest} has been imported`);
  }
  const run = asRunId(teacher.run);
  const record = (await adapters.runs.get(run))?.record;
  if (!record) throw new NotFoundError(`teacher.run: no run ${run}`);
  if (record.state !== 'succeeded')
    throw new StateError(`teacher.run: run ${run} is ${record.state}, expected succeeded`);
  const checkpoint = await newestCheckpoint(adapters.objects, run, () => {});
  if (!checkpoint) throw new NotFoundError(`teacher.run: run ${run} has no whole checkpoint`);
  return storeTeacher(adapters.objects, teacherKey, checkpoint.parts['model.safetensors']);
}
