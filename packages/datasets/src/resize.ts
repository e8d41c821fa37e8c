/**
 * Bilinear resize with antialiasing: a triangle filter whose support grows with the reduction, as
 * Pillow's BILINEAR and torchvision's `antialias=True`. Libraries at hand reduce differently, by
 * more than one grey level, so the filter is our own.
 */

interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

export interface Resizer {
  /** Side of the result. */
  readonly side: number;
  /** uint8 [height, width, 3] → uint8 [side, side, 3]; the input itself where nothing changes. */
  apply(image: Uint8Array): Uint8Array;
}

/** @param side 0 keeps the (square) size */
export function resizer(height: number, width: number, side: number): Resizer {
  if (side === 0 || (side === height && side === width)) {
    return { side: height, apply: (image) => image };
  }
  const columns = tapsFor(width, side);
  const rows = tapsFor(height, side);
  return { side, apply: (image) => vertical(horizontal(image, height, width, columns), side, rows) };
}

/** For each output place the input places under the filter and their weights, which sum to 1. */
function tapsFor(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, out) => {
    const centre = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_w, i) =>
      Math.max(0, 1 - Math.abs((first + i + 0.5 - centre) / support)),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

// Pillow rounds to bytes between its two passes, the horizontal one first.
function horizontal(image: Uint8Array, height: number, width: number, taps: readonly Taps[]): Uint8Array {
  const out = new Uint8Array(height * taps.length * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (const { first, weights } of taps) {
      const start = (y * width + first) * 3;
      for (let c = 0; c < 3; c++) out[at++] = filtered(image, start + c, 3, weights);
    }
  }
  return out;
}

function vertical(image: Uint8Array, side: number, taps: readonly Taps[]): Uint8Array {
  const stride = side * 3;
  const out = new Uint8Array(taps.length * stride);
  let at = 0;
  for (const { first, weights } of taps) {
    for (let x = 0; x < stride; x++) out[at++] = filtered(image, first * stride + x, stride, weights);
  }
  return out;
}

function filtered(image: Uint8Array, start: number, step: number, weights: Float64Array): number {
  let sum = 0.5;
  for (let i = 0; i < weights.length; i++) sum += (image[start + i * step] as number) * (weights[i] as number);
  return Math.min(255, Math.floor(sum));
}
