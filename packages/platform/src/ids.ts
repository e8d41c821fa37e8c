import { McldError } from '@mcld/errors/mcld-error.js';
import { z } from 'zod';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Id of a run, also a folder's and a subject's name. */
export type RunId = Branded<string, 'RunId'>;
/** sha256 in hex of what a teacher is: its weights, its ONNX model, or the document of an endpoint or an ensemble. */
export type TeacherDigest = Branded<string, 'TeacherDigest'>;

const RUN_ID = /^[a-z0-9][a-z0-9_-]{0,79}$/;
const RUN_ID_FORM = 'a-z, 0-9, _ and -, 80 at most';
const DIGEST_FORM = '64 hex digits';

/** Thrown for an id that cannot be one. */
export class InvalidIdError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_ID' } as const;
}

const isRunId = (value: unknown): value is RunId => typeof value === 'string' && RUN_ID.test(value);

const isTeacherDigest = (value: unknown): value is TeacherDigest =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** @throws InvalidIdError */
export function asRunId(text: string): RunId {
  if (!isRunId(text)) throw new InvalidIdError(`'${text}' is not a run id (${RUN_ID_FORM})`);
  return text;
}

/** @throws InvalidIdError */
export function asTeacherDigest(text: string): TeacherDigest {
  if (!isTeacherDigest(text)) throw new InvalidIdError(`'${text}' is not a teacher digest (${DIGEST_FORM})`);
  return text;
}

/** A run's id in a document. */
export const runIdSchema = z.custom<RunId>(isRunId, `expected a run id (${RUN_ID_FORM})`);

/** A teacher's digest in a document. */
export const teacherDigestSchema = z.custom<TeacherDigest>(isTeacherDigest, `expected a digest (${DIGEST_FORM})`);
