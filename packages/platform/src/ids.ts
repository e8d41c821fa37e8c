declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Id of a run, also a folder's and a subject's name. */
export type RunId = Branded<string, 'RunId'>;
/** sha256 in hex of a teacher's model.safetensors. */
export type TeacherDigest = Branded<string, 'TeacherDigest'>;

const RUN_ID = /^[a-z0-9][a-z0-9_-]{0,79}$/;

/** Thrown for an id that cannot be one. */
export class InvalidIdError extends Error {
  override readonly name = 'InvalidIdError';
}

export function asRunId(text: string): RunId {
  if (!RUN_ID.test(text)) throw new InvalidIdError(`'${text}' is no run id (a-z, 0-9, _ and -, 80 at most)`);
  return text as RunId;
}

export function asTeacherDigest(text: string): TeacherDigest {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidIdError(`'${text}' is no teacher digest (64 hex digits)`);
  return text as TeacherDigest;
}
