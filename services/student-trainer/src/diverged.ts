import { McldError } from '@mcld/errors/mcld-error.js';

/** Thrown when a student's numbers are not finite any more: training must not go on. */
export class DivergedError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'DIVERGED' } as const;
}

/**
 * @param what is not finite, in words
 * @param checkpoint step of the newest whole one
 */
export function diverged(step: number, what: string, checkpoint: number | undefined): DivergedError {
  const left =
    checkpoint === undefined ? 'there is no checkpoint yet' : `the newest checkpoint is of step ${checkpoint}`;
  return new DivergedError(`the student diverged at step ${step}: ${what}; ${left}`);
}
