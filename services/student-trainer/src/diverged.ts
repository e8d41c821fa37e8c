import { McldError } from '@mcld/errors/mcld-error.js';
/** Thrown when a student's numbers are no numbers any more: the run must not train on. */
export class DivergedError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'DIVERGED' } as const;
}

/** @param found what is no finite number; checkpoint: the newest whole one's step */
export function diverged(step: number, found: string, checkpoint: number | undefined): DivergedError {
  const left =
    checkpoint === undefined ? 'there is no checkpoint yet' : `the newest checkpoint is of step ${checkpoint}`;
  return new DivergedError(`the student diverged at step ${step}: ${found}; ${left}`);
}
