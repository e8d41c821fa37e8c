import { foreignMeaning } from './foreign-meaning.js';
import { type ErrorStatus, type FieldViolation, isPassing, type McldErrorOptions, type Meaning } from './meaning.js';

/** An error as plain data, to cross a thread or a process. */
export interface ErrorData extends Required<Meaning> {
  readonly name: string;
  readonly message: string;
  readonly fields: readonly FieldViolation[];
  readonly stack: string;
  readonly cause?: ErrorData;
}

/** Causes of causes that are carried along. */
const MOST_CAUSES = 4;

/**
 * The errors of this project. Each class states its meaning where it is defined; gRPC statuses, exit codes and retry
 * rules are made of that, so none of them knows classes by name.
 *
 * @example
 * // Thrown where something asked for does not exist.
 * export class NotFoundError extends McldError {
 *   static override readonly meaning = { status: 'NOT_FOUND', reason: 'NOT_FOUND' } as const;
 * }
 * throw new NotFoundError('no run r1');
 */
export class McldError extends Error {
  static readonly meaning: Meaning = { status: 'INTERNAL', reason: 'INTERNAL' };

  readonly status: ErrorStatus;
  /** Machine-readable, UPPER_SNAKE_CASE. */
  readonly reason: string;
  /** Whether the same thing may succeed later. */
  readonly retryable: boolean;
  /** Values that were given and are wrong; empty for an error that is not about one. */
  readonly fields: readonly FieldViolation[];

  /** @param options what this one error means, where its class says otherwise */
  constructor(message: string, options: McldErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    const { meaning } = new.target;
    this.name = new.target.name;
    this.status = options.status ?? meaning.status;
    this.reason = options.reason ?? meaning.reason;
    // What a class says about retrying is about its own status.
    const ofClass = options.status === undefined ? meaning.retryable : undefined;
    this.retryable = options.retryable ?? ofClass ?? isPassing(this.status);
    this.fields = options.fields ?? [];
    // Again, now that the name is known: the first line of a stack has it.
    Error.captureStackTrace(this, new.target);
  }

  /**
   * Anything that was thrown, with a meaning. What is not an error of this project keeps its name, message, stack and
   * cause; what cannot be told is INTERNAL, and trying again does not help.
   */
  static from(thrown: unknown): McldError {
    if (thrown instanceof McldError) return thrown;
    const failure = thrown instanceof Error ? thrown : new Error(String(thrown));
    const cause = failure.cause === undefined ? {} : { cause: failure.cause };
    const error = new McldError(failure.message, { ...foreignMeaning(failure), ...cause });
    return error.#as(failure.name, failure.stack);
  }

  /** The inverse of `toData`: the class is a name now, see `isOf`. */
  static fromData({ name, message, stack, cause, ...meaning }: ErrorData): McldError {
    const options = { ...meaning, ...(cause && { cause: McldError.fromData(cause) }) };
    return new McldError(message, options).#as(name, stack);
  }

  /** All of the error as plain data, which `fromData` reads. */
  toData(): ErrorData {
    return this.#toData(MOST_CAUSES);
  }

  #toData(causes: number): ErrorData {
    const { name, message, status, reason, retryable, fields, stack = '', cause } = this;
    const carried = causes > 0 && cause !== undefined && { cause: McldError.from(cause).#toData(causes - 1) };
    return { name, message, status, reason, retryable, fields, stack, ...carried };
  }

  #as(name: string, stack: string | undefined): this {
    this.name = name;
    if (stack) this.stack = stack;
    return this;
  }
}

/**
 * Whether an error is of a class, or was before it crossed a thread or a process: by the class's name or reason. What
 * crossed has the properties of `McldError` alone, hence not a type guard.
 */
export const isOf = (error: unknown, type: { readonly name: string; readonly meaning: Meaning }): boolean =>
  error instanceof McldError && (error.name === type.name || error.reason === type.meaning.reason);
