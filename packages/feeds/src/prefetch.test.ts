import { describe, expect, it } from 'vitest';
import { prefetch } from './prefetch.js';

describe('prefetch', () => {
  it('reads a bounded number ahead, in order, and closes its source when left', async () => {
    let read = 0;
    let closed = false;
    async function* source() {
      try {
        for (let i = 0; i < 100; i++) {
          read++;
          yield i;
        }
      } finally {
        closed = true;
      }
    }
    const seen: number[] = [];
    for await (const item of prefetch(source(), 3)) {
      seen.push(item);
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(read - seen.length).toBeLessThanOrEqual(3);
      if (seen.length === 10) break;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(closed).toBe(true);
  });

  it('passes a failure on when its turn comes', async () => {
    async function* source() {
      yield 1;
      throw new Error('broken');
    }
    const seen: number[] = [];
    await expect(async () => {
      for await (const item of prefetch(source(), 3)) seen.push(item);
    }).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });
});
