import { describe, expect, it } from 'vitest';
import { cursorOf, isSameCursor, nextCursor, START, stepsPerEpochOf } from './cursors.js';

describe('cursors', () => {
  it.each([
    [100, 32, 4],
    [96, 32, 3],
    [1, 32, 1],
  ])('%i images in batches of %i are %i steps', (count, batchSize, steps) => {
    expect(stepsPerEpochOf(count, batchSize)).toBe(steps);
  });

  it('go from step to step through the epochs, and are the same as counting all steps', () => {
    let cursor = START;
    for (let step = 0; step < 10; step++) {
      expect(cursor).toEqual(cursorOf(step, 4));
      cursor = nextCursor(cursor, 4);
    }
    expect(cursor).toEqual({ epoch: 2, step: 2 });
  });

  it('differ by epoch and by step', () => {
    expect(isSameCursor({ epoch: 1, step: 2 }, { epoch: 1, step: 2 })).toBe(true);
    expect(isSameCursor({ epoch: 1, step: 2 }, { epoch: 2, step: 2 })).toBe(false);
    expect(isSameCursor({ epoch: 1, step: 2 }, { epoch: 1, step: 1 })).toBe(false);
  });
});
