import { describe, expect, it } from 'vitest';
import { normals, permutation, viewCode } from './draws.js';
import { philox } from './philox.js';

// The published vectors of Random123 (kat_vectors, philox4x32 10).
const vectors: [number[], number[], number[]][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

describe('philox4x32-10', () => {
  it.each(vectors)('counter %j key %j', (counter, key, expected) => {
    const out = new Uint32Array(4);
    const [c0, c1, c2, c3] = counter as [number, number, number, number];
    const [k0, k1] = key as [number, number];
    philox(out, c0, c1, c2, c3, k0, k1);
    expect([...out]).toEqual(expected);
  });
});

describe('draws', () => {
  it('permutes: every item once, another order each epoch and seed, the same when asked again', () => {
    const order = permutation(1001, 7, 3);
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(1001).keys()]);
    expect(permutation(1001, 7, 3)).toEqual(order);
    expect(permutation(1001, 7, 4)).not.toEqual(order);
    expect(permutation(1001, 8, 3)).not.toEqual(order);
  });

  it('draws views evenly', () => {
    const counts = new Array(162).fill(0);
    for (let image = 0; image < 16200; image++) counts[viewCode(image, 162, 0, 0)]++;
    // 100 expected in each bin; six standard deviations either way.
    expect(Math.min(...counts)).toBeGreaterThan(40);
    expect(Math.max(...counts)).toBeLessThan(160);
  });

  it('draws normals of the asked moments', () => {
    const values = normals(100_001, 2, 1, 5);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 4)).toBeLessThan(0.1);
    expect(normals(10, 2, 1, 5)).toEqual(values.slice(0, 10));
  });
});
