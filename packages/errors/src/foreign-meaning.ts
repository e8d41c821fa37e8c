import { codeOf } from './code.js';
import type { FieldViolation, McldErrorOptions } from './meaning.js';

/** Of a disk, or a quota, that is full. */
export const noSpace = { status: 'RESOURCE_EXHAUSTED', reason: 'NO_SPACE', retryable: false } as const;
const notAllowed = { status: 'PERMISSION_DENIED', reason: 'NOT_ALLOWED', retryable: false } as const;
const tooManyFiles = { status: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_FILES', retryable: true } as const;
const noConnection = { status: 'UNAVAILABLE', reason: 'NO_CONNECTION', retryable: true } as const;

/** What the system's errors mean, by their code in Node. */
const systemMeanings: Readonly<Record<string, McldErrorOptions>> = {
  ENOSPC: noSpace,
  EDQUOT: noSpace,
  EROFS: { status: 'FAILED_PRECONDITION', reason: 'READ_ONLY', retryable: false },
  EACCES: notAllowed,
  EPERM: notAllowed,
  ENOENT: { status: 'NOT_FOUND', reason: 'NO_FILE', retryable: false },
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  ENOMEM: { status: 'RESOURCE_EXHAUSTED', reason: 'NO_MEMORY', retryable: true },
  ECONNREFUSED: noConnection,
  ECONNRESET: noConnection,
  EPIPE: noConnection,
  ETIMEDOUT: noConnection,
  EHOSTUNREACH: noConnection,
  ENETUNREACH: noConnection,
  ENOTFOUND: noConnection,
  EAI_AGAIN: noConnection,
};

/**
 * What an error of the system means: a disk that is full stays full, a connection that broke may come back.
 * @returns undefined for what is not an error of the system, or one with no meaning of its own (EIO)
 */
export function systemMeaning(error: unknown): McldErrorOptions | undefined {
  const code = codeOf(error);
  return code === undefined ? undefined : systemMeanings[code];
}

/** Whether a disk is full. */
export const isFull = (error: unknown): boolean => systemMeaning(error) === noSpace;

/** What an error that is not of this project means. */
export function foreignMeaning(error: Error): McldErrorOptions {
  if (error.name === 'AbortError') return { status: 'CANCELLED', reason: 'CANCELLED', retryable: false };
  const fields = zodFields(error);
  if (fields) return { status: 'INVALID_ARGUMENT', reason: 'INVALID_VALUE', fields };
  return systemMeaning(error) ?? { status: 'INTERNAL', reason: 'INTERNAL' };
}

/** zod's errors are known by their form, so that this package needs no zod. */
function zodFields(error: Error): FieldViolation[] | undefined {
  if (!('issues' in error && Array.isArray(error.issues))) return undefined;
  const issues: { path?: unknown; message?: unknown }[] = error.issues;
  return issues.map(({ path, message }) => ({ field: fieldOf(path), message: String(message) }));
}

/** `a.b[0]` */
function fieldOf(path: unknown): string {
  if (!Array.isArray(path)) return '';
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
