import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressMeter } from './progress.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

describe('the figures of a run in training', () => {
  it('leave the first step out of the rate: it opens the feeds and compiles', async () => {
    const meter = new ProgressMeter('r-1', 10, 30);
    const step = async (n: number, ms: number, waitMs: number) => {
      await meter.waiting(
        'batch',
        Promise.resolve().then(() => vi.advanceTimersByTime(waitMs)),
      );
      await meter.waiting(
        'compute',
        Promise.resolve().then(() => vi.advanceTimersByTime((ms - waitMs) / 2)),
      );
      vi.advanceTimersByTime((ms - waitMs) / 2);
      meter.stepDone(n, 64, 0.1, { total: 4 - n });
    };
    await step(0, 20_000, 15_000);
    expect(meter.current()).toMatchObject({ step: 1, imagesPerSecond: 0, batchWaitShare: 0, losses: { total: 4 } });
    await step(1, 100, 20);
    expect(meter.current()).toMatchObject({ step: 2, imagesPerSecond: 640, batchWaitShare: 0.2 });
    expect(meter.current()).toMatchObject({ teacherWaitShare: 0, computeWaitShare: 0.4 });
    // The newest step has a weight of 0.05.
    expect(meter.current().losses.total).toBeCloseTo(3.95, 12);
  });
});
