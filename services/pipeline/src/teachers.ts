import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { assertOnnxClassifier } from '@mcld/models/formats/onnx-import.js';
import { readWeightFile, weightFormat } from '@mcld/models/formats/weight-file.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { NotFoundError, RefusedError, RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, asTeacherDigest, type TeacherDigest } from '@mcld/platform/ids.js';
import { onnxTeacherKey, teacherKey, teacherKeys } from '@mcld/platform/object-keys.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { storeEnsembleTeacher, storeTeacher } from '@mcld/platform/storage/teachers.js';
import type { Recipe, SingleTeacher } from '@mcld/recipe/schema.js';
import { canonicalWeights } from './import-weights.js';

/** A teacher as it comes from a client. */
export interface TeacherFile {
  /** Whose weights they are; '' for an ONNX model. */
  readonly model: string;
  /** Which of a checkpoint's weights; '' takes the raw ones, or what there is. */
  readonly weights: string;
  readonly file: Uint8Array;
}

/**
 * Stores a teacher under its digest: weights of a model here (safetensors, or a PyTorch checkpoint) in one
 * canonical form once they are checked against it, an ONNX model as it is.
 * @returns also what was chosen on the way, for people
 * @throws SafetensorsError, TorchCheckpointError, PickleError, WeightFileError, OnnxError, WeightMismatchError,
 * RequestError
 */
export async function importTeacher(
  objects: ObjectStore,
  { model, weights, file }: TeacherFile,
): Promise<{ readonly digest: TeacherDigest; readonly notes: readonly string[] }> {
  const format = weightFormat(file);
  if (format === 'other') {
    if (weights !== '')
      throw new RequestError(`weights '${weights}': an ONNX model has one set of weights; leave it out`);
    assertOnnxClassifier(file);
    return { digest: await storeTeacher(objects, onnxTeacherKey, file), notes: [] };
  }
  const { content, notes } = canonicalWeights(model, await readWeightFile(format, file), weights);
  return { digest: await storeTeacher(objects, teacherKey, content), notes };
}

/** What teachers are found in and made with. */
export interface TeacherParts {
  readonly adapters: Pick<Adapters, 'objects' | 'runs'>;
  /** The service that may speak to other servers, and knows to which. */
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
  return storeEnsembleTeacher(parts.adapters.objects, { members, mean: teacher.mean });
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
  if (record.state !== 'succeeded') {
    const message = `run ${run} is ${record.state}, expected succeeded`;
    throw new RefusedError(StateError.meaning, [{ field: 'teacher.run', message }]);
  }
  const checkpoint = await newestCheckpoint(adapters.objects, run, () => {});
  if (!checkpoint) throw new NotFoundError(`teacher.run: run ${run} has no whole checkpoint`);
  return storeTeacher(adapters.objects, teacherKey, checkpoint.parts['model.safetensors']);
}
