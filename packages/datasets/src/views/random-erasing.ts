import type { Draws } from '@mcld/random/draws.js';
import type { ImageSize } from '../readers/dataset.js';
import type { RandomErasing } from './augmentation.js';
import { boxOf, logUniform } from './random-resized-crop.js';

const TRIES = 10;

/**
 * torchvision's RandomErasing, which fills with 0 after normalisation: here, before it, with the mean.
 * @param color of three bytes
 */
export function eraseBox(
  image: Uint8Array,
  { height, width }: ImageSize,
  { probability, area, ratio }: RandomErasing,
  color: Uint8Array,
  draws: Draws,
): void {
  if (draws.uniform(0, 1) >= probability) return;
  for (let i = 0; i < TRIES; i++) {
    const box = boxOf(height * width * draws.uniform(...area), logUniform(ratio, draws));
    const x = draws.below(Math.max(1, width - box.width + 1));
    const y = draws.below(Math.max(1, height - box.height + 1));
    if (box.width >= width || box.height >= height) continue;
    for (let row = y; row < y + box.height; row++) {
      for (let column = x; column < x + box.width; column++) image.set(color, (row * width + column) * 3);
    }
    return;
  }
}
