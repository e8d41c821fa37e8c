/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a
 * counter-based generator. A block of four 32-bit words is a pure function of a 128-bit counter and
 * a 64-bit key, so any draw can be made anywhere in any order, and no stream has a state to save.
 */

/** What a draw is for: a word of the counter, so that no two purposes share numbers. */
export const Purpose = {
  permutation: 1,
  view: 2,
  weights: 3,
  probe: 4,
  stochasticDepth: 5,
  crop: 6,
  color: 7,
  randAugment: 8,
  erasing: 9,
  mix: 10,
} as const;

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of a 32×32-bit product, in doubles that stay exact below 2^53. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const mid = aHigh * bLow + (low >>> 16);
  const mid2 = aLow * bHigh + (mid & 0xffff);
  return (aHigh * bHigh + Math.floor(mid / 0x10000) + (mid2 >>> 16)) >>> 0;
}

/**
 * Fills `out` with one block.
 * @param out four words, uint32
 * @param k0 low word of the key; k1: high word
 */
export function philox(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
  let [key0, key1] = [k0 >>> 0, k1 >>> 0];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, x0);
    const low0 = Math.imul(M0, x0) >>> 0;
    const high1 = mulHigh(M1, x2);
    const low1 = Math.imul(M1, x2) >>> 0;
    x0 = (high1 ^ x1 ^ key0) >>> 0;
    x1 = low1;
    x2 = (high0 ^ x3 ^ key1) >>> 0;
    x3 = low0;
    key0 = (key0 + W0) >>> 0;
    key1 = (key1 + W1) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/** Scales a 32-bit word to 0…n−1; off uniform by at most n / 2^32. */
export function below(word: number, n: number): number {
  return Math.floor((word * n) / 0x1_0000_0000);
}
