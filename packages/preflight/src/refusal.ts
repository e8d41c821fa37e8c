import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { RefusedError } from '@mcld/platform/grpc/errors.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';

/** Statuses with which a service refuses a request, rather than fails to answer it. */
const refusing: ReadonlySet<ErrorStatus> = new Set([
  'NOT_FOUND',
  'DATA_LOSS',
  'INVALID_ARGUMENT',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
]);

/** The recipe names a teacher's own server, unlike a service: a server that does not answer is the recipe's fault. */
const SERVER_AWAY = 'TEACHER_ENDPOINT';

/** What does not fit together although each part was opened. */
export function misfit(field: string, message: string): RefusedError {
  return new RefusedError({ status: 'INVALID_ARGUMENT', reason: 'RECIPE_MISFIT' }, [{ field, message }]);
}

/**
 * A service's refusal as one of a recipe's field; other errors as they are.
 * @param asked the field that it was asked about; where the error names another field, that one is reported
 */
export function refusalOf(error: unknown, asked: string): unknown {
  if (!(error instanceof RemoteError)) return error;
  if (!refusing.has(error.status) && error.reason !== SERVER_AWAY) return error;
  const message = inRecipe(error.message, asked.endsWith('.root') ? asked.slice(0, -'.root'.length) : 'dataset');
  const field = recipeField.exec(message)?.[0] ?? asked;
  return new RefusedError(error, [{ field, message }]);
}

/** A recipe's field at the beginning of a message. */
const recipeField =
  /^(?:dataset|evaluation\.transfer\[\d+\]|teacher|batchSize|augmentation|logitPrecision)(?:\.\w+)*(?=[ :])/;

/** Services call fields by the names that requests have. */
function inRecipe(message: string, dataset: string): string {
  return message
    .replaceAll(/\bdataset\.(?=(?:root|size|resize)\b)/g, `${dataset}.`)
    .replace(/^spec\.batch_size\b/, 'batchSize')
    .replace(/^precision\b/, 'logitPrecision');
}
