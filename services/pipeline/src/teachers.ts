import { createHash } from 'node:crypto';
import { declareParameters } from '@mcld/models/parameters.js';
import { isModelName, modelNames } from '@mcld/models/registry.js';
import { decodeSafetensors, encodeSafetensors } from '@mcld/models/safetensors.js';
import { assertStateOf, classesOf } from '@mcld/models/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import { NotFoundError, RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, asTeacherDigest, type TeacherDigest } from '@mcld/platform/ids.js';
import { teacherKey } from '@mcld/platform/layout.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { ObjectExistsError, type ObjectStore } from '@mcld/platform/storage/object-store.js';
import type { Recipe } from '@mcld/recipe/schema.js';

/**
 * Checks weights against a model and stores them under their digest, in one canonical form.
 * @throws SafetensorsError, WeightMismatchError, RequestError
 */
export async function importTeacher(objects: ObjectStore, model: string, file: Uint8Array): Promise<TeacherDigest> {
  if (!isModelName(model)) throw new RequestError(`model '${model}': expected one of ${modelNames.join(', ')}`);
  const { tensors } = decodeSafetensors(file);
  const classes = classesOf(model, tensors);
  assertStateOf(model, classes, tensors);
  const known = declareParameters(model, classes).parameters;
  const canonical = new Map(
    known.map(({ name }) => [name, tensors.get(name) as NonNullable<ReturnType<typeof tensors.get>>]),
  );
  return store(objects, encodeSafetensors(canonical, { format: 'pt', model, classes: String(classes) }));
}

async function store(objects: ObjectStore, weights: Uint8Array): Promise<TeacherDigest> {
  const digest = asTeacherDigest(createHash('sha256').update(weights).digest('hex'));
  try {
    await objects.put(teacherKey(digest), weights, { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  return digest;
}

/**
 * The digest of the teacher that a recipe names; a run's newest checkpoint becomes a teacher here.
 * @returns empty for a recipe without one
 */
export async function resolveTeacher(adapters: Adapters, { teacher }: Recipe): Promise<TeacherDigest | ''> {
  if (!teacher) return '';
  if ('file' in teacher) {
    throw new RequestError('teacher.file is read by the client: import it first, then name its digest');
  }
  if ('digest' in teacher) {
    const digest = asTeacherDigest(teacher.digest);
    if (await adapters.objects.get(teacherKey(digest))) return digest;
    throw new NotFoundError(`teacher.digest: no teacher ${digest} has been imported`);
  }
  const run = asRunId(teacher.run);
  const record = (await adapters.runs.get(run))?.record;
  if (!record) throw new NotFoundError(`teacher.run: no run ${run}`);
  if (record.state !== 'succeeded')
    throw new StateError(`teacher.run: run ${run} is ${record.state}, expected succeeded`);
  const checkpoint = await newestCheckpoint(adapters.objects, run, () => {});
  if (!checkpoint) throw new NotFoundError(`teacher.run: run ${run} has no whole checkpoint`);
  return store(adapters.objects, checkpoint.parts['model.safetensors']);
}
