import { McldError } from '@mcld/errors/mcld-error.js';
import type { FieldViolation, Meaning } from '@mcld/errors/meaning.js';

/** Thrown where something asked for does not exist. */
export class NotFoundError extends McldError {
  static override readonly meaning = { status: 'NOT_FOUND', reason: 'NOT_FOUND' } as const;
}

/** Thrown where the state of a thing forbids what is asked. */
export class StateError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'WRONG_STATE' } as const;
}

/** Thrown for a request with a field that cannot be. */
export class RequestError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' } as const;
}

/** Thrown for a recipe that names what cannot be used; its message has a line for each field. */
export class RefusedError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'REFUSED' } as const;

  /** @param meaning of the first field's fault */
  constructor(meaning: Meaning, fields: readonly FieldViolation[]) {
    const lines = fields.map(({ field, message }) => (message.startsWith(field) ? message : `${field}: ${message}`));
    super(lines.join('\n'), { ...meaning, fields });
  }
}
