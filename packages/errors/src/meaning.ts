/** The names of gRPC's statuses, by their numbers: https://grpc.io/docs/guides/status-codes/ */
export const statusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** What kind of failure an error is: one of gRPC's statuses, by name. */
export type ErrorStatus = Exclude<(typeof statusNames)[number], 'OK'>;

const passing: ReadonlySet<ErrorStatus> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED']);

/** Whether the same thing may succeed later, judging by its status alone. */
export const isPassing = (status: ErrorStatus): boolean => passing.has(status);

/** What an error means to those who catch it, whatever its message says. */
export interface Meaning {
  readonly status: ErrorStatus;
  /** Machine-readable, UPPER_SNAKE_CASE; each class has its own. */
  readonly reason: string;
  /** Whether the same thing may succeed later. Default: by the status, see `isPassing`. */
  readonly retryable?: boolean;
}

/** One value that was given and what is wrong with it. */
export interface FieldViolation {
  /** `evaluation.transfer[0].root`. */
  readonly field: string;
  readonly message: string;
}

/** What one error means where that differs from what its class says. */
export interface McldErrorOptions extends ErrorOptions, Partial<Meaning> {
  readonly fields?: readonly FieldViolation[];
}
