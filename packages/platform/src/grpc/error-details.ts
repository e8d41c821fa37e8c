import type { McldError } from '@mcld/errors/mcld-error.js';
import { type ErrorStatus, type FieldViolation, isPassing, statusNames } from '@mcld/errors/meaning.js';
import { Status } from 'nice-grpc-common';
import { BadRequest, ErrorInfo, type RichClientError, RichServerError } from 'nice-grpc-error-details';

const DOMAIN = 'mcld';

type Details = RichClientError['extra'];

/** A status by its number; one that gRPC does not have is UNKNOWN. */
export function statusName(code: Status): ErrorStatus {
  const name = statusNames[code];
  return name === undefined || name === 'OK' ? 'UNKNOWN' : name;
}

/** An error as it is sent to a client: its message, and its meaning in `google.rpc` details. */
export function richErrorOf({ status, reason, retryable, fields, message }: McldError): RichServerError {
  const metadata = retryable === isPassing(status) ? {} : { retryable: String(retryable) };
  const info = ErrorInfo.fromPartial({ reason, domain: DOMAIN, metadata });
  const violations = fields.map(({ field, message: description }) => ({ field, description }));
  const details = violations.length > 0 ? [info, BadRequest.fromPartial({ fieldViolations: violations })] : [info];
  return new RichServerError(Status[status], message, details);
}

/** What `google.rpc` details say of an error; what they do not say is left out. */
export function meaningOf(details: Details): {
  readonly reason?: string;
  readonly retryable?: boolean;
  readonly fields?: readonly FieldViolation[];
} {
  const infos = details.flatMap((detail) => (detail.$type === ErrorInfo.$type ? [detail] : []));
  const violations = details.flatMap((detail) => (detail.$type === BadRequest.$type ? detail.fieldViolations : []));
  const [info] = infos;
  const retryable = info?.metadata.retryable;
  return {
    ...(info && { reason: info.reason }),
    ...(retryable && { retryable: retryable === 'true' }),
    ...(violations.length > 0 && {
      fields: violations.map(({ field, description }) => ({ field, message: description })),
    }),
  };
}
