import type { Box } from '@mcld/native/drawing.js';
import type { Draws } from '@mcld/random/draws.js';
import type { ImageSize } from '../readers/dataset.js';
import type { ResizedCrop } from './augmentation.js';

/** Tries before the centre is taken instead, as in torchvision. */
const TRIES = 10;

/** torchvision's RandomResizedCrop: a box inside an image, whatever shape it is resized to. */
export function randomBox({ height, width }: ImageSize, { scale, ratio }: ResizedCrop, draws: Draws): Box {
  for (let i = 0; i < TRIES; i++) {
    const box = boxOf(height * width * draws.uniform(...scale), logUniform(ratio, draws));
    const x = draws.below(Math.max(1, width - box.width + 1));
    const y = draws.below(Math.max(1, height - box.height + 1));
    if (box.width >= 1 && box.height >= 1 && box.width <= width && box.height <= height) return { x, y, ...box };
  }
  return centreBox({ height, width }, ratio);
}

export function boxOf(area: number, ratio: number): ImageSize {
  return { width: Math.round(Math.sqrt(area * ratio)), height: Math.round(Math.sqrt(area / ratio)) };
}

export function logUniform([least, most]: readonly [number, number], draws: Draws): number {
  return Math.exp(draws.uniform(Math.log(least), Math.log(most)));
}

/** The largest box in the middle whose shape is allowed. */
function centreBox({ height, width }: ImageSize, [least, most]: readonly [number, number]): Box {
  const shape = width / height;
  const box = {
    width: shape > most ? Math.max(1, Math.round(height * most)) : width,
    height: shape < least ? Math.max(1, Math.round(width / least)) : height,
  };
  return { x: Math.floor((width - box.width) / 2), y: Math.floor((height - box.height) / 2), ...box };
}
