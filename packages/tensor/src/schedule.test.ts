import { describe, expect, it } from 'vitest';
import { type OneCycleSchedule, ratesAt } from './schedule.js';

const oneCycle: OneCycleSchedule = {
  name: 'one-cycle',
  riseShare: 0.2,
  divFactor: 25,
  finalDivFactor: 1e4,
  cycleMomentum: true,
  baseMomentum: 0.85,
  maxMomentum: 0.95,
};

describe('one-cycle', () => {
  // torch 2.13: OneCycleLR(SGD(momentum 0.9), max_lr=0.2, total_steps=20, pct_start=0.2).
  it.each([
    [0, 0.008, 0.95],
    [1, 0.056, 0.925],
    [3, 0.2, 0.85],
    [4, 0.1980785357, 0.850960736],
    [10, 0.1195093542, 0.8902454839],
    [19, 8e-7, 0.95],
  ])('step %i', (step, lr, momentum) => {
    const rates = ratesAt(oneCycle, { lr: 0.2, momentum: 0.9, stepsPerEpoch: 4, epochs: 5 }, step);
    expect(rates.lr).toBeCloseTo(lr, 9);
    expect(rates.momentum).toBeCloseTo(momentum, 9);
  });
});

describe('one-cycle of any length', () => {
  it('never gives a rate that is no number', () => {
    for (let total = 1; total <= 40; total++) {
      for (let step = 0; step < total; step++) {
        const { lr, momentum } = ratesAt(oneCycle, { lr: 0.2, momentum: 0.9, stepsPerEpoch: total, epochs: 1 }, step);
        expect(lr > 0 && lr <= 0.2 && momentum >= 0.85 && momentum <= 0.95).toBe(true);
      }
    }
  });
});

describe('multi-step', () => {
  it('falls by gamma from each milestone on', () => {
    const schedule = {
      name: 'multi-step',
      milestones: [2, 4],
      gamma: 0.1,
      warmup: { epochs: 0, startShare: 0.01 },
    } as const;
    const base = { lr: 1, momentum: 0.9, stepsPerEpoch: 10, epochs: 6 };
    const at = [0, 19, 20, 39, 40].map((step) => ratesAt(schedule, base, step).lr);
    expect(at.map((lr) => Number(lr.toFixed(6)))).toEqual([1, 1, 0.1, 0.1, 0.01]);
  });
});

describe('cosine with a warm-up', () => {
  it('rises in a line, then falls along half a cosine to its final share', () => {
    const schedule = { name: 'cosine', finalShare: 0.1, warmup: { epochs: 1, startShare: 0.2 } } as const;
    const base = { lr: 1, momentum: 0.9, stepsPerEpoch: 10, epochs: 5 };
    const at = [0, 5, 10, 30, 50].map((step) => ratesAt(schedule, base, step).lr);
    // LinearLR(start_factor 0.2, total_iters 10), then CosineAnnealingLR(T_max 40, eta_min 0.1).
    for (const [i, lr] of [0.2, 0.6, 1, 0.55, 0.1].entries()) expect(at[i]).toBeCloseTo(lr, 9);
  });
});
