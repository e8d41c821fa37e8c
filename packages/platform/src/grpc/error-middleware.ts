import { McldError } from '@mcld/errors/mcld-error.js';
import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { isAbortError } from 'abort-controller-x';
import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc-common';
import type { Logger } from '../logging.js';
import { richErrorOf } from './error-details.js';
import { RemoteError } from './remote-error.js';

/** Tells clients of an error by its meaning, in `google.rpc` details. What nobody foresaw is INTERNAL, and logged. */
export function errorMiddleware(logger: Logger) {
  return async function* tellErrors<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    try {
      return (yield* call.next(call.request, context)) ?? undefined;
    } catch (error) {
      throw toServerError(error, call.method.path, logger);
    }
  };
}

/**
 * What one service refuses another is refused to the client that asked for it, in the same words; so is what is out of
 * reach, which the client may try again. Anything else is between the services, unless the service gave its reason.
 */
const passedOn: ReadonlySet<ErrorStatus> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'DATA_LOSS',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
]);

const isInternal = (error: McldError): boolean =>
  error instanceof RemoteError
    ? error.reason === error.status && !passedOn.has(error.status)
    : error.status === 'INTERNAL';

function toServerError(thrown: unknown, method: string, logger: Logger): unknown {
  if (thrown instanceof ServerError || isAbortError(thrown)) return thrown;
  const error = McldError.from(thrown);
  // An error of any other class was not foreseen, whatever it means.
  if (isInternal(error) || error !== thrown) logger.error({ err: thrown, method }, 'call failed');
  return isInternal(error) ? new ServerError(Status.INTERNAL, `internal error: ${whyOf(error)}`) : richErrorOf(error);
}

/** Of an error in another service, which says itself that it is internal: which of its methods failed. */
const whyOf = (error: McldError): string =>
  error instanceof RemoteError ? `${error.method}: ${error.message.replace(/^internal error: /, '')}` : error.message;
