import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';

/** The step after a step. */
export function nextCursor({ epoch, step }: Cursor, stepsPerEpoch: number): Cursor {
  return step + 1 < stepsPerEpoch ? { epoch, step: step + 1 } : { epoch: epoch + 1, step: 0 };
}
