import { describe, expect, it } from 'vitest';
import { drawMixture, mixBatch } from './mixing.js';

const size = { height: 4, width: 6 };
const bytes = 4 * 6 * 3;
const batch = () => Uint8Array.from({ length: 3 * bytes }, (_, i) => [10, 100, 200][Math.floor(i / bytes)]!);

describe('a mixture', () => {
  it('is a function of seed and cursor, and at least half of a row is its own', () => {
    const draw = (step: number) =>
      drawMixture({ mixup: 0.2, cutmix: 1 }, { height: 32, width: 32 }, 5, { epoch: 1, step });
    const drawn = Array.from({ length: 400 }, (_, step) => draw(step));
    expect(drawn.map((_, step) => draw(step))).toEqual(drawn);
    const cuts = drawn.filter(({ box }) => box).length;
    expect(cuts).toBeGreaterThan(150);
    expect(cuts).toBeLessThan(250);
    for (const { share, box } of drawn) {
      expect(share).toBeGreaterThanOrEqual(0.49);
      expect(share).toBeLessThanOrEqual(1);
      expect(box ? share + (box.width * box.height) / 1024 : 1).toBeCloseTo(1, 12);
    }
  });

  it('has the mean of a folded Beta(α, α)', () => {
    // E max(λ, 1 − λ): 3/4 for α = 1; 0.8988 for α = 0.2 (numpy, mean of 4 million).
    for (const [alpha, mean] of [
      [1, 0.75],
      [0.2, 0.8988],
    ] as const) {
      let sum = 0;
      for (let step = 0; step < 4000; step++)
        sum += drawMixture({ mixup: alpha, cutmix: 0 }, size, 1, { epoch: 0, step }).share;
      expect(sum / 4000).toBeGreaterThan(mean - 0.01);
      expect(sum / 4000).toBeLessThan(mean + 0.01);
    }
  });

  it('blends each row with its partner, the one in the middle with itself', () => {
    const pixels = batch();
    mixBatch(pixels, size, { share: 0.75 });
    expect([pixels[0], pixels[bytes], pixels[2 * bytes]]).toEqual([58, 100, 153]);
  });

  it('shows the partner in the box and nowhere else', () => {
    const pixels = batch();
    mixBatch(pixels, size, { share: 0.75, box: { x: 1, y: 2, width: 3, height: 2 } });
    const at = (row: number, y: number, x: number) => pixels[row * bytes + (y * 6 + x) * 3];
    expect([at(0, 2, 1), at(0, 3, 3), at(0, 2, 0), at(0, 1, 1), at(0, 3, 4)]).toEqual([200, 200, 10, 10, 10]);
    expect([at(2, 2, 1), at(2, 2, 0), at(1, 2, 1)]).toEqual([10, 200, 100]);
  });
});
