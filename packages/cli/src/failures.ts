import { ClientError, Status } from 'nice-grpc-common';
import { RichClientError } from 'nice-grpc-error-details';
import { CliError, Exit } from './exit.js';

const statusExits: Partial<Record<Status, number>> = {
  [Status.INVALID_ARGUMENT]: Exit.usage,
  [Status.OUT_OF_RANGE]: Exit.usage,
  [Status.UNAUTHENTICATED]: Exit.usage,
  [Status.NOT_FOUND]: Exit.notFound,
  [Status.DATA_LOSS]: Exit.failure,
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

/** Whether what a recipe names cannot be used, by its field or as a teacher, rather than that now is not the time. */
const isOfRecipe = (error: ClientError): boolean =>
  error instanceof RichClientError &&
  error.extra.some(
    (detail) => 'fieldViolations' in detail || ('reason' in detail && detail.reason === 'FOREIGN_MODEL'),
  );

/** What to tell of an error, and the exit code. Errors not foreseen show their stack: they are bugs. */
export function explain(error: unknown): { message: string; code: number } {
  if (error instanceof CliError) return { message: error.message, code: error.code };
  if (error instanceof ClientError) {
    const code = statusExits[error.code] ?? (isOfRecipe(error) ? Exit.usage : Exit.failure);
    return { message: error.details || Status[error.code] || 'the call failed', code };
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  if (usageErrors.has(failure.name)) return { message: failure.message, code: Exit.usage };
  if (unavailableErrors.has(failure.name)) return { message: failure.message, code: Exit.unavailable };
  if (plainErrors.has(failure.name)) return { message: failure.message, code: Exit.failure };
  return { message: failure.stack ?? failure.message, code: Exit.failure };
}
