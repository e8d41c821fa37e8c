import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';

/** The first step of a sequence. */
export const START: Cursor = { epoch: 0, step: 0 };

/** Steps of an epoch, the last of which may have fewer images. @param count images in the data set */
export function stepsPerEpochOf(count: number, batchSize: number): number {
  return Math.ceil(count / batchSize);
}

/** The step after a step. */
export function nextCursor({ epoch, step }: Cursor, stepsPerEpoch: number): Cursor {
  return step + 1 < stepsPerEpoch ? { epoch, step: step + 1 } : { epoch: epoch + 1, step: 0 };
}

/** Where a run's step is, which counts from 0 over all epochs. */
export function cursorOf(step: number, stepsPerEpoch: number): Cursor {
  return { epoch: Math.floor(step / stepsPerEpoch), step: step % stepsPerEpoch };
}

export const isSameCursor = (a: Cursor, b: Cursor): boolean => a.epoch === b.epoch && a.step === b.step;
