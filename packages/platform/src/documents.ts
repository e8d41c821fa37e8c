import { readFile } from 'node:fs/promises';
import { McldError } from '@mcld/errors/mcld-error.js';
import type { FieldViolation } from '@mcld/errors/meaning.js';
import { clipped } from '@mcld/errors/text.js';
import { z } from 'zod';
import type { ObjectStore } from './storage/object-store.js';

/** Thrown for a kept document that its readers cannot use: the message names its key or file, and each field. */
export class DocumentError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'DOCUMENT' } as const;

  /** @param name its key in the object store, or its file */
  static ofFields(name: string, fields: readonly FieldViolation[], cause?: unknown): DocumentError {
    const lines = fields.map(({ field, message }) => (field ? `${field}: ${message}` : message));
    return new DocumentError(clipped(`${name} cannot be read: ${lines.join('; ')}`, 1000), { fields, cause });
  }
}

/**
 * A value out of a document, checked; fields that are not known here are left out.
 * @param name of the document, for people
 * @throws DocumentError
 */
export function checkDocument<T>(name: string, value: unknown, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const fields = error.issues.map(({ path, message }) => ({ field: z.core.toDotPath(path), message }));
  throw DocumentError.ofFields(name, fields, error);
}

/** A JSON document's value, checked. @param name of the document, for people @throws DocumentError */
export function parseDocument<T>(name: string, text: string | Uint8Array, schema: z.ZodType<T>): T {
  return checkDocument(name, jsonOf(name, text), schema);
}

function jsonOf(name: string, text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder().decode(text));
  } catch (error) {
    throw DocumentError.ofFields(name, [{ field: '', message: 'it is not JSON' }], error);
  }
}

/** The document under a key; undefined where there is none. @throws DocumentError, ObjectStoreError */
export async function getDocument<T>(objects: ObjectStore, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const body = await objects.get(key);
  return body && parseDocument(key, body, schema);
}

/** The document in a file; undefined where there is none. @throws DocumentError, NodeJS.ErrnoException */
export async function readDocument<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseDocument(file, text, schema);
}
