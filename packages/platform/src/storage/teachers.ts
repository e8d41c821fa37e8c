import { createHash } from 'node:crypto';
import { z } from 'zod';
import { asTeacherDigest, type TeacherDigest, teacherDigestSchema } from '../ids.js';
import { endpointTeacherKey, ensembleTeacherKey } from '../object-keys.js';
import { ObjectExistsError, type ObjectStore } from './object-store.js';

const tensorsSchema = z.array(
  z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.number()).readonly() }),
);

/**
 * A model on a server that speaks the Open Inference Protocol, as the server described it when it became a teacher: the
 * content whose hash is the teacher's digest, so its fields stay in this order.
 */
export const endpointTeacherSchema = z.strictObject({
  endpoint: z.string().min(1),
  name: z.string().min(1),
  /** The one that every request asks for; '' where the server names none. */
  version: z.string(),
  platform: z.string(),
  inputs: tensorsSchema,
  outputs: tensorsSchema,
});

export type EndpointTeacher = Readonly<z.output<typeof endpointTeacherSchema>>;

/** Several teachers as one: the content whose hash is its digest, so its fields stay in this order. */
export const ensembleTeacherSchema = z.strictObject({
  members: z.array(teacherDigestSchema).min(2).readonly(),
  /** What of the members is averaged. */
  mean: z.enum(['logits', 'probabilities']),
});

export type EnsembleTeacher = Readonly<z.output<typeof ensembleTeacherSchema>>;

export const storeEndpointTeacher = (objects: ObjectStore, teacher: EndpointTeacher): Promise<TeacherDigest> =>
  storeTeacher(objects, endpointTeacherKey, Buffer.from(JSON.stringify(teacher)));

export const storeEnsembleTeacher = (objects: ObjectStore, teacher: EnsembleTeacher): Promise<TeacherDigest> =>
  storeTeacher(objects, ensembleTeacherKey, Buffer.from(JSON.stringify(teacher)));

/** Stores what a teacher is under its digest, the sha256 of it. @param keyOf where that kind of teacher lies */
export async function storeTeacher(
  objects: ObjectStore,
  keyOf: (digest: TeacherDigest) => string,
  content: Uint8Array,
): Promise<TeacherDigest> {
  const digest = asTeacherDigest(createHash('sha256').update(content).digest('hex'));
  try {
    await objects.put(keyOf(digest), content, { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  return digest;
}
