import { createHash } from 'node:crypto';
import { asTeacherDigest, type TeacherDigest } from '../ids.js';
import { ObjectExistsError, type ObjectStore } from './object-store.js';

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
