import { isAbortError } from 'abort-controller-x';
import { type CallContext, ClientError, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc-common';
import { BadRequest, ErrorInfo, RichClientError, RichServerError } from 'nice-grpc-error-details';
import type { Logger } from '../logging.js';

/** How an error is told to clients. */
export interface ErrorMapping {
  readonly status: Status;
  /** Machine-readable, UPPER_SNAKE_CASE. */
  readonly reason: string;
}

const mappings = new Map<string, ErrorMapping>([
  ['InvalidIdError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_ID' }],
  ['RecipeError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_RECIPE' }],
  ['CursorError', { status: Status.OUT_OF_RANGE, reason: 'CURSOR_OUT_OF_RANGE' }],
  ['WeightMismatchError', { status: Status.INVALID_ARGUMENT, reason: 'WEIGHT_MISMATCH' }],
  ['TorchCheckpointError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_TORCH_CHECKPOINT' }],
  ['WeightFileError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_WEIGHT_FILE' }],
  ['PickleError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_PICKLE' }],
  ['ForeignModelError', { status: Status.FAILED_PRECONDITION, reason: 'FOREIGN_MODEL' }],
  ['EndpointAwayError', { status: Status.UNAVAILABLE, reason: 'TEACHER_ENDPOINT' }],
  ['OnnxError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_ONNX' }],
  ['SafetensorsError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_SAFETENSORS' }],
  ['S3AddressError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_S3_ADDRESS' }],
  ['PrecisionError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_PRECISION' }],
  ['NotFoundError', { status: Status.NOT_FOUND, reason: 'NOT_FOUND' }],
  ['StateError', { status: Status.FAILED_PRECONDITION, reason: 'WRONG_STATE' }],
  ['RequestError', { status: Status.INVALID_ARGUMENT, reason: 'INVALID_REQUEST' }],
  ['RevisionConflictError', { status: Status.ABORTED, reason: 'CONFLICT' }],
  ['ObjectStoreError', { status: Status.UNAVAILABLE, reason: 'OBJECT_STORE' }],
  ['BusError', { status: Status.UNAVAILABLE, reason: 'EVENT_BUS' }],
  ['CheckpointError', { status: Status.DATA_LOSS, reason: 'CHECKPOINT' }],
]);

/** Thrown where something asked for does not exist. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
}

/** Thrown where the state of a thing forbids what is asked. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

/** Thrown for a request with a field that cannot be. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** A field of a recipe and what is wrong with what it names. */
export interface FieldRefusal {
  /** `evaluation.transfer[0].root`. */
  readonly field: string;
  readonly message: string;
}

/** Thrown for a recipe that names what cannot be used; its message has a line for each field. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  /** @param mapping of the first field's fault */
  constructor(
    readonly mapping: ErrorMapping,
    readonly fields: readonly FieldRefusal[],
  ) {
    super(
      fields.map(({ field, message }) => (message.startsWith(field) ? message : `${field}: ${message}`)).join('\n'),
    );
  }
}

/** Text from outside, no more of it than a message can carry. */
export const clipped = (text: string, most = 300): string => (text.length > most ? `${text.slice(0, most)}…` : text);

function mappingOf(error: Error & { reason?: unknown }): ErrorMapping | undefined {
  if (error instanceof RefusedError) return error.mapping;
  if (error.name !== 'DatasetError') return mappings.get(error.name);
  return error.reason === 'missing'
    ? { status: Status.NOT_FOUND, reason: 'DATASET_MISSING' }
    : { status: Status.DATA_LOSS, reason: 'DATASET_DAMAGED' };
}

/** Turns the errors of this project into statuses with `google.rpc` details; others become INTERNAL. */
export function errorMiddleware(logger: Logger) {
  return async function* mapErrors<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    try {
      return (yield* call.next(call.request, context)) as Response | undefined;
    } catch (error) {
      throw toServerError(error, call.method.path, logger);
    }
  };
}

/**
 * What one service refuses another is refused to the client that asked for it, in the same words; so is what is out of
 * reach, which the client may try again.
 */
const passedOn: readonly Status[] = [
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.DATA_LOSS,
  Status.UNAVAILABLE,
  Status.DEADLINE_EXCEEDED,
];

function toServerError(error: unknown, method: string, logger: Logger): unknown {
  if (error instanceof ServerError || isAbortError(error)) return error;
  if (error instanceof ClientError && passedOn.includes(error.code)) {
    return new RichServerError(error.code, error.details, error instanceof RichClientError ? error.extra : []);
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  const mapping = mappingOf(failure);
  if (!mapping) {
    logger.error({ err: failure, method }, 'call failed');
    return new ServerError(Status.INTERNAL, `internal error: ${failure.message}`);
  }
  const { fields } = failure as Error & { fields?: readonly { field: string; message: string }[] };
  const details = [
    ErrorInfo.fromPartial({ reason: mapping.reason, domain: 'mcld' }),
    ...(fields
      ? [
          BadRequest.fromPartial({
            fieldViolations: fields.map(({ field, message }) => ({ field, description: message })),
          }),
        ]
      : []),
  ];
  return new RichServerError(mapping.status, failure.message, details);
}
