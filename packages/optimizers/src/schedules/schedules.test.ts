import { describe, expect, it } from 'vitest';
import { scheduleFacts, scheduleNames } from './facts.js';
import { scheduleOf } from './registry.js';

const oneCycle = { name: 'one-cycle', riseShare: 0.2 } as const;

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
    const rates = scheduleOf(oneCycle, { lr: 0.2, stepsPerEpoch: 4, epochs: 5 })(step);
    expect(rates.lr).toBeCloseTo(lr, 9);
    expect(rates.momentum).toBeCloseTo(momentum, 9);
  });

  it('leaves the momentum alone where it is not to cycle', () => {
    const schedule = scheduleOf({ ...oneCycle, cycleMomentum: false }, { lr: 0.2, stepsPerEpoch: 4, epochs: 5 });
    expect(schedule(3)).toEqual({ lr: 0.2 });
  });
});

describe.each(scheduleNames)('%s', (name) => {
  it('gives a rate between 0 and the base at each step, however long it is', () => {
    const options = scheduleFacts[name].options.parse({});
    for (let total = 1; total <= 40; total++) {
      const schedule = scheduleOf({ ...options, name }, { lr: 0.2, stepsPerEpoch: total, epochs: 1 });
      for (let step = 0; step < total; step++) {
        const { lr, momentum = 0.9 } = schedule(step);
        expect(lr >= 0 && lr <= 0.2 && momentum >= 0.85 && momentum <= 0.95, `step ${step} of ${total}`).toBe(true);
      }
    }
  });
});

describe('multi-step', () => {
  it('falls by gamma from each milestone on', () => {
    const schedule = scheduleOf(
      { name: 'multi-step', milestones: [2, 4], gamma: 0.1 },
      { lr: 1, stepsPerEpoch: 10, epochs: 6 },
    );
    const at = [0, 19, 20, 39, 40].map((step) => schedule(step).lr);
    expect(at.map((lr) => Number(lr.toFixed(6)))).toEqual([1, 1, 0.1, 0.1, 0.01]);
  });
});

describe('cosine with a warm-up', () => {
  it('rises in a line, then falls along half a cosine to its final share', () => {
    const schedule = scheduleOf(
      { name: 'cosine', finalShare: 0.1, warmup: { epochs: 1, startShare: 0.2 } },
      { lr: 1, stepsPerEpoch: 10, epochs: 5 },
    );
    // LinearLR(start_factor 0.2, total_iters 10), then CosineAnnealingLR(T_max 40, eta_min 0.1).
    const expected = [
      [0, 0.2],
      [5, 0.6],
      [10, 1],
      [30, 0.55],
      [50, 0.1],
    ] as const;
    for (const [step, lr] of expected) expect(schedule(step).lr).toBeCloseTo(lr, 9);
  });
});
