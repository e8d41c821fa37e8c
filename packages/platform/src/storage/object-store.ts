import { systemMeaning } from '@mcld/errors/foreign-meaning.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import type { McldErrorOptions } from '@mcld/errors/meaning.js';
import { jsonText } from '../json.js';

/** Thrown when an object that must not exist yet does. */
export class ObjectExistsError extends McldError {
  static override readonly meaning = { status: 'ALREADY_EXISTS', reason: 'OBJECT_EXISTS' } as const;
}

/** Thrown when the store cannot be reached or refuses: the message says which store and why. */
export class ObjectStoreError extends McldError {
  static override readonly meaning = { status: 'UNAVAILABLE', reason: 'OBJECT_STORE' } as const;

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { ...lastingMeaning(options.cause), ...options });
  }
}

/** A disk that is full, read-only or not ours stays so, unlike a store that is out of reach. */
function lastingMeaning(cause: unknown): McldErrorOptions | undefined {
  const meaning = systemMeaning(cause);
  return meaning?.retryable || meaning?.status === 'NOT_FOUND' ? undefined : meaning;
}

/** Objects by key, `a/b/c`: S3, or files. An object is whole or not there. */
export interface ObjectStore {
  /** @throws ObjectExistsError with `ifAbsent` when the key is taken */
  put(key: string, body: Uint8Array, options?: { readonly ifAbsent?: boolean }): Promise<void>;
  /** undefined when there is no such object. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Keys that begin with the prefix, sorted. */
  list(prefix: string): Promise<string[]>;
  /** No error when it is gone already. */
  delete(key: string): Promise<void>;
  /** Deletes everything under `prefix`, which ends in `/`, with what writers that died left there. */
  deleteAll(prefix: string): Promise<void>;
}

const text = new TextEncoder();

export const putJson = (
  store: ObjectStore,
  key: string,
  value: unknown,
  options?: { ifAbsent?: boolean },
): Promise<void> => store.put(key, text.encode(`${jsonText(value, 2)}\n`), options);
