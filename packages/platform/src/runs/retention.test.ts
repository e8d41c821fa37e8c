import { describe, expect, it } from 'vitest';
import type { MeasuredCheckpoint } from './best-checkpoint.js';
import { expired } from './retention.js';

const at = (step: number, top1?: number, nonFinite = 0): MeasuredCheckpoint => ({
  step,
  metrics: top1 === undefined ? undefined : { top1, nonFinite },
});

describe('expired checkpoints', () => {
  it('are all but the last ones', () => {
    const checkpoints = [at(10), at(20), at(30), at(40)];
    expect(expired(checkpoints, { keepLast: 1 })).toEqual([10, 20, 30]);
    expect(expired(checkpoints, { keepLast: 3 })).toEqual([10]);
    expect(expired(checkpoints, { keepLast: 9 })).toEqual([]);
    expect(expired([], { keepLast: 1 })).toEqual([]);
  });

  it('are never the best one, wherever it lies', () => {
    expect(expired([at(10, 0.5), at(20, 0.4), at(30, 0.3)], { keepLast: 1 })).toEqual([20]);
    expect(expired([at(10, 0.2), at(20, 0.4), at(30, 0.4)], { keepLast: 1 })).toEqual([10]);
    expect(expired([at(10, 0.2), at(20, 0.3), at(30, 0.4)], { keepLast: 1 })).toEqual([10, 20]);
  });

  it('may be of a student that diverged or got nothing right, however good it looks', () => {
    expect(expired([at(10, 0.9, 3), at(20, 0.1), at(30)], { keepLast: 1 })).toEqual([10]);
    expect(expired([at(10, 0), at(20)], { keepLast: 1 })).toEqual([10]);
  });
});
