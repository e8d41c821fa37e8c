import type { Box } from '@mcld/native/drawing.js';
import { Draws } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import type { ImageSize } from '../readers/dataset.js';
import type { Cursor } from './batch-sequence.js';
import type { Mix } from './mix.js';

/** How the batch of a step is mixed. */
export interface Mixture {
  /** Share of a row's own image and label, at least a half before a box is cut off at the edge. */
  readonly share: number;
  /** CutMix's box, which shows the other image; undefined for Mixup. */
  readonly box?: Box;
}

/** A function of seed and cursor, as views are. */
export function drawMixture({ mixup, cutmix }: Mix, size: ImageSize, seed: number, { epoch, step }: Cursor): Mixture {
  const draws = new Draws(Purpose.mix, seed, step, epoch);
  const cuts = cutmix > 0 && (mixup === 0 || draws.below(2) === 1);
  const drawn = beta(cuts ? cutmix : mixup, draws);
  const share = Math.max(drawn, 1 - drawn);
  return cuts ? cutBox(share, size, draws) : { share };
}

/** Beta(α, α) by Jöhnk's method, which is for α ≤ 1. */
function beta(a: number, draws: Draws): number {
  for (;;) {
    const x = draws.uniform(0, 1) ** (1 / a);
    const y = draws.uniform(0, 1) ** (1 / a);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

function cutBox(share: number, { height, width }: ImageSize, draws: Draws): Mixture {
  const side = Math.sqrt(1 - share);
  const [w, h] = [Math.round(width * side), Math.round(height * side)];
  const [left, top] = [draws.below(width) - (w >> 1), draws.below(height) - (h >> 1)];
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const box = { x, y, width: Math.min(width, left + w) - x, height: Math.min(height, top + h) - y };
  return { share: 1 - (box.width * box.height) / (width * height), box };
}

/** Mixes uint8 [rows, height, width, 3] in place. */
export function mixBatch(pixels: Uint8Array, { height, width }: ImageSize, { share, box }: Mixture): void {
  const bytes = height * width * 3;
  for (let a = 0, b = pixels.length - bytes; a < b; a += bytes, b -= bytes) {
    if (!box) blend(pixels, a, b, bytes, share);
    else {
      for (let y = box.y; y < box.y + box.height; y++) {
        const row = (y * width + box.x) * 3;
        swap(pixels, a + row, b + row, box.width * 3);
      }
    }
  }
}

function blend(pixels: Uint8Array, a: number, b: number, bytes: number, share: number): void {
  for (let i = 0; i < bytes; i++) {
    const [one, other] = [pixels[a + i] ?? 0, pixels[b + i] ?? 0];
    pixels[a + i] = Math.round(share * one + (1 - share) * other);
    pixels[b + i] = Math.round(share * other + (1 - share) * one);
  }
}

function swap(pixels: Uint8Array, a: number, b: number, bytes: number): void {
  const copy = Uint8Array.from(pixels.subarray(a, a + bytes));
  pixels.copyWithin(a, b, b + bytes);
  pixels.set(copy, b);
}
