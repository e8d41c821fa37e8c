import { historySchema } from '@mcld/platform/runs/history.js';
import { describe, expect, it } from 'vitest';
import { TrainingHistory } from './history.js';

describe('TrainingHistory', () => {
  it('has the same bytes whether or not it was saved in the middle of an epoch', () => {
    const whole = TrainingHistory.empty();
    let cut = TrainingHistory.empty();
    for (let step = 0; step < 10; step++) {
      for (const history of [whole, cut])
        history.addStep(64, step, { ce: 1 / (step + 3), total: Math.PI / (step + 1) });
      cut = TrainingHistory.from(historySchema.parse(JSON.parse(Buffer.from(cut.encode()).toString())));
      if (step % 5 === 4) for (const history of [whole, cut]) history.endEpoch((step + 1) / 5, step + 1, 0.1);
    }
    expect(Buffer.from(cut.encode()).toString()).toBe(Buffer.from(whole.encode()).toString());
    expect(whole.epochs).toHaveLength(2);
    expect(whole.epochs[0]?.trainTop1).toBeCloseTo(10 / 320, 12);
  });
});
