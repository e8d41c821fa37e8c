import type { Draws } from '@mcld/random/draws.js';
import type { ImageSize } from '../readers/dataset.js';
import type { RandAugment } from './augmentation.js';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  equalize,
  posterize,
  solarize,
} from './color-changes.js';

/** Inverse map of places, as in torchvision: output (x, y) shows input (a·x + b·y + c, d·x + e·y + f). */
type Affine = readonly [number, number, number, number, number, number];

interface Change {
  /** Strength at `share` (0…1) of the greatest magnitude. */
  readonly strength: (share: number, size: ImageSize) => number;
  /** Whether a coin decides the strength's sign. */
  readonly signed: boolean;
  readonly apply: (image: Uint8Array, size: ImageSize, strength: number) => void;
}

const upTo =
  (most: number) =>
  (share: number): number =>
    share * most;
const none = () => 0;

const identity: Change = { strength: none, signed: false, apply: () => {} };

/** The fourteen operations of torchvision's RandAugment with its ranges; magnitude 30 is the greatest. */
const changes: readonly Change[] = [
  identity,
  { strength: upTo(0.3), signed: true, apply: (image, size, s) => warp(image, size, [1, -s, 0, 0, 1, 0]) },
  { strength: upTo(0.3), signed: true, apply: (image, size, s) => warp(image, size, [1, 0, 0, -s, 1, 0]) },
  {
    strength: (share, { width }) => (share * 150 * width) / 331,
    signed: true,
    apply: (image, size, s) => warp(image, size, [1, 0, -Math.trunc(s), 0, 1, 0]),
  },
  {
    strength: (share, { height }) => (share * 150 * height) / 331,
    signed: true,
    apply: (image, size, s) => warp(image, size, [1, 0, 0, 0, 1, -Math.trunc(s)]),
  },
  { strength: upTo(30), signed: true, apply: rotate },
  { strength: upTo(0.9), signed: true, apply: (image, _, s) => adjustBrightness(image, 1 + s) },
  { strength: upTo(0.9), signed: true, apply: (image, _, s) => adjustSaturation(image, 1 + s) },
  { strength: upTo(0.9), signed: true, apply: (image, _, s) => adjustContrast(image, 1 + s) },
  { strength: upTo(0.9), signed: true, apply: (image, { width }, s) => adjustSharpness(image, width, 1 + s) },
  { strength: (share) => 8 - Math.round(share * 4), signed: false, apply: (image, _, s) => posterize(image, s) },
  { strength: (share) => 255 * (1 - share), signed: false, apply: (image, _, s) => solarize(image, s) },
  { strength: none, signed: false, apply: (image) => autoContrast(image) },
  { strength: none, signed: false, apply: (image) => equalize(image) },
];

const GREATEST = 30;

/** Changes an image, uint8 [height, width, 3], in place. */
export function randAugment(image: Uint8Array, size: ImageSize, { ops, magnitude }: RandAugment, draws: Draws): void {
  for (let i = 0; i < ops; i++) {
    const { strength, signed, apply } = changes[draws.below(changes.length)] ?? identity;
    const negative = draws.below(2) === 1;
    const value = strength(magnitude / GREATEST, size);
    apply(image, size, signed && negative ? -value : value);
  }
}

function rotate(image: Uint8Array, size: ImageSize, degrees: number): void {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  // Counter-clockwise about the middle.
  const [x, y] = [size.width / 2 - 0.5, size.height / 2 - 0.5];
  warp(image, size, [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]);
}

/** Nearest neighbour, black outside. */
function warp(image: Uint8Array, { height, width }: ImageSize, [a, b, c, d, e, f]: Affine): void {
  const source = Uint8Array.from(image);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const fromX = Math.round(a * x + b * y + c);
      const fromY = Math.round(d * x + e * y + f);
      const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      const from = (fromY * width + fromX) * 3;
      for (let channel = 0; channel < 3; channel++) {
        image[at + channel] = inside ? (source[from + channel] ?? 0) : 0;
      }
    }
  }
}
