import { describe, expect, it } from 'vitest';
import { streamStepLogits } from './logit-stream.js';
import type { LogitSource, ViewAddress } from './teacher.js';

/** A source whose logits of a view are its address; the subject is how batches are gathered. */
function fakeSource(batch: number, full = false) {
  const stored = new Map<string, Float32Array>();
  const batches: number[] = [];
  let fromStore = 0;
  const key = (index: number, code: number) => `${index} ${code}`;
  const source = {
    teacher: { classes: 2, parts: { batch } },
    store: {
      has: (index: number, code: number) => stored.has(key(index, code)),
      get: (index: number, code: number) => stored.get(key(index, code)),
    },
    countStored: (views: number) => {
      fromStore += views;
    },
    async compute(views: readonly ViewAddress[]) {
      batches.push(views.length);
      const rows = new Map(views.map(({ index, code }) => [key(index, code), Float32Array.of(index, code)]));
      if (full) return rows;
      for (const [address, row] of rows) stored.set(address, row);
      return new Map();
    },
  };
  return { source: source as unknown as LogitSource, batches, stored, counted: () => fromStore };
}

async function* plans(steps: number, size: number, repeat = 1) {
  for (let r = 0; r < repeat; r++) {
    for (let step = 0; step < steps; step++) {
      const index = Array.from({ length: size }, (_, i) => step * size + i);
      yield { cursor: { epoch: r, step }, views: { index, code: index.map(() => 3) } };
    }
  }
}

describe('streamStepLogits', () => {
  it('answers every step in order, filling compute batches from the steps ahead', async () => {
    const { source, batches } = fakeSource(16);
    const steps: number[] = [];
    for await (const { cursor, logits, rows } of streamStepLogits(plans(10, 5), source)) {
      steps.push(cursor.step);
      expect(rows).toBe(5);
      expect([...logits.subarray(0, 2)]).toEqual([cursor.step * 5, 3]);
    }
    expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches).toEqual([16, 16, 16, 2]);
  });

  it('computes a view once, and counts what came from the store', async () => {
    const { source, batches, counted } = fakeSource(16);
    for await (const step of streamStepLogits(plans(4, 4, 3), source)) expect(step.rows).toBe(4);
    expect(batches.reduce((a, b) => a + b)).toBe(16);
    expect(counted()).toBeGreaterThanOrEqual(32);
  });

  it('works on when the store is full', async () => {
    const { source } = fakeSource(8, true);
    let steps = 0;
    for await (const { cursor, logits } of streamStepLogits(plans(6, 4, 2), source)) {
      expect(logits[0]).toBe(cursor.step * 4);
      steps++;
    }
    expect(steps).toBe(12);
  });
});
