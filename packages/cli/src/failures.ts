import { McldError } from '@mcld/errors/mcld-error.js';
import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { CliError, Exit } from './exit.js';

const statusExits: Partial<Record<ErrorStatus, number>> = {
  INVALID_ARGUMENT: Exit.usage,
  OUT_OF_RANGE: Exit.usage,
  UNAUTHENTICATED: Exit.usage,
  NOT_FOUND: Exit.notFound,
  DATA_LOSS: Exit.failure,
  UNAVAILABLE: Exit.unavailable,
  DEADLINE_EXCEEDED: Exit.unavailable,
};

/** Whether what was given cannot be used, by its field or as a teacher, rather than that now is not the time. */
const isOfGiven = ({ fields, reason }: McldError): boolean => fields.length > 0 || reason === 'FOREIGN_MODEL';

function exitOf(error: McldError): number {
  if (error instanceof CliError) return error.code;
  return statusExits[error.status] ?? (isOfGiven(error) ? Exit.usage : Exit.failure);
}

/** What to tell of an error, and the exit code. Errors not foreseen show their stack: they are bugs. */
export function explain(thrown: unknown): { message: string; code: number } {
  const error = McldError.from(thrown);
  const isBug = error.status === 'INTERNAL' && !(error instanceof RemoteError);
  const message = (isBug && error.stack) || error.message || error.status;
  // The system's own errors, of a file that cannot be written, say, are about no run and no recipe.
  return { message, code: error === thrown ? exitOf(error) : Exit.failure };
}
