import { McldError } from '@mcld/errors/mcld-error.js';
import type { ErrorStatus, McldErrorOptions } from '@mcld/errors/meaning.js';
import { ClientError, type ClientMiddleware } from 'nice-grpc-common';
import { RichClientError } from 'nice-grpc-error-details';
import { meaningOf, statusName } from './error-details.js';

/**
 * Thrown by clients for what a service that they called answered, or for its silence. It has the status, reason and
 * fields of the service's own error; where the service gave no reason, the reason is the status.
 */
export class RemoteError extends McldError {
  static override readonly meaning = { status: 'UNKNOWN', reason: 'REMOTE' } as const;

  /**
   * @param method path of the call: `/mcld.v1.DataLoaderService/DescribeDataset`
   * @param options what the service said
   */
  constructor(
    readonly method: string,
    message: string,
    options: McldErrorOptions & { readonly status: ErrorStatus },
  ) {
    // A server that ends cancels the calls that it has: others may answer them.
    const retryable = options.status === 'CANCELLED' ? { retryable: true } : {};
    super(message, { reason: options.status, ...retryable, ...options });
  }
}

/** What a client of nice-grpc throws, with its meaning. */
export function remoteErrorOf(error: ClientError): RemoteError {
  const status = statusName(error.code);
  const meaning = error instanceof RichClientError ? meaningOf(error.extra) : {};
  return new RemoteError(error.path, withoutPadding(error.details), { status, ...meaning });
}

/** What grpc-js says of a connection that failed stands between the names of its own parts and a time. */
function withoutPadding(details: string): string {
  if (!details.includes('Resolution note:')) return details;
  const core = details
    .replace(/^.*Last error: (?:Error: )?/s, '')
    .replace(/\.? Resolution note:.*$/s, '')
    .replace(/ \(\d{4}-[\dT:.-]+Z\)$/, '');
  if (core === 'Protocol error') return 'what is there does not speak gRPC; is this its gRPC port?';
  return core === 'null' ? 'no connection' : core;
}

/** Makes clients throw `RemoteError`. */
export const remoteErrorMiddleware: ClientMiddleware = async function* throwRemoteErrors(call, options) {
  try {
    return yield* call.next(call.request, options);
  } catch (error) {
    throw error instanceof ClientError ? remoteErrorOf(error) : error;
  }
};

/** Why work failed, for people: of a service that is not there, which one it is. */
export function failureText(error: McldError): string {
  if (!(error instanceof RemoteError && isOutOfReach(error))) return error.message;
  const [, service = 'service'] = /([^./]+)\/[^/]*$/.exec(error.method) ?? [];
  return `the ${service} is out of reach: ${error.message}`;
}

/** Whether a call failed because its server is not there (any more): another replica may answer it. */
export const isOutOfReach = (error: unknown): boolean =>
  error instanceof RemoteError && error.retryable && (error.status === 'UNAVAILABLE' || error.status === 'CANCELLED');
