import { ClientError, Status } from 'nice-grpc-common';
import { CliError, Exit } from './exit.js';

const statusExits: Partial<Record<Status, number>> = {
  [Status.INVALID_ARGUMENT]: Exit.usage,
  [Status.OUT_OF_RANGE]: Exit.usage,
  [Status.UNAUTHENTICATED]: Exit.usage,
  [Status.NOT_FOUND]: Exit.notFound,
  [Status.UNAVAILABLE]: Exit.unavailable,
  [Status.DEADLINE_EXCEEDED]: Exit.unavailable,
};

const usageErrors = new Set([
  'RecipeError',
  'ConfigError',
  'InvalidIdError',
  'ListenError',
  'HomeInUseError',
  'HomeError',
]);
const unavailableErrors = new Set(['BusError', 'ObjectStoreError']);
const plainErrors = new Set(['DatasetError', 'WeightMismatchError', 'SafetensorsError', 'FetchError', 'ToolError']);

/** What to tell of an error, and the exit code. Errors not foreseen show their stack: they are bugs. */
export function explain(error: unknown): { message: string; code: number } {
  if (error instanceof CliError) return { message: error.message, code: error.code };
  if (error instanceof ClientError) {
    const code = statusExits[error.code] ?? Exit.failure;
    return { message: error.details || Status[error.code] || 'the call failed', code };
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  if (usageErrors.has(failure.name)) return { message: failure.message, code: Exit.usage };
  if (unavailableErrors.has(failure.name)) return { message: failure.message, code: Exit.unavailable };
  if (plainErrors.has(failure.name)) return { message: failure.message, code: Exit.failure };
  return { message: failure.stack ?? failure.message, code: Exit.failure };
}
