import { addon } from './addon.js';

/** A rectangle of an image, in its pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a rectangle is drawn, and how. */
export interface Target {
  readonly box: Box;
  /** Size that the box is resized to. */
  readonly height: number;
  readonly width: number;
  /** Left to right. */
  readonly mirrored: boolean;
  /** Takes uint8 [height, width, 3] from `at` on. */
  readonly out: Uint8Array;
  readonly at: number;
}

/**
 * Draws a box of an image in memory: bilinear with antialiasing, to Pillow's bits.
 * @param pixels uint8 [height, width, 3]
 */
export function drawPixels(pixels: Uint8Array, [height, width]: readonly [number, number], target: Target): void {
  assertFits(target, height, width);
  if (pixels.length < height * width * 3) throw new RangeError(`${pixels.length} bytes hold no ${height}×${width}×3`);
  addon().resample(pixels, width * 3, packed(target), target.out);
}

/** Words of a shifted view: its image's row, dx, dy, and 1 for mirrored. */
export const SHIFT_WORDS = 4;

/**
 * Draws images moved by (−dx, −dy) pixels, with zeros where they have moved away, and then mirrored. (0.4 µs for 32×32,
 * where row by row in JavaScript it takes 7 µs; to hand a batch of 64 to a thread and back costs 200 µs.)
 * @param pixels uint8 [images, height, width, 3]
 * @param views SHIFT_WORDS words each
 * @param out uint8 [views, height, width, 3]
 */
export function drawShifted(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  views: Int32Array,
  out: Uint8Array,
): void {
  const bytes = height * width * 3;
  const count = views.length / SHIFT_WORDS;
  if (!Number.isInteger(count) || !(bytes > 0) || out.length !== count * bytes) {
    throw new RangeError(`${views.length} words of views and ${out.length} bytes for ${height}×${width}×3`);
  }
  const images = pixels.length / bytes;
  for (let at = 0; at < views.length; at += SHIFT_WORDS) {
    const image = views[at];
    if (image === undefined || image < 0 || image >= images) throw new RangeError(`image ${image} of ${images}`);
  }
  addon().shiftImages(pixels, height, width, views, out);
}

/** The target as native/addon().cc takes it. */
export function packed({ box, height, width, mirrored, at }: Target): Int32Array {
  return Int32Array.of(box.x, box.y, box.width, box.height, height, width, Number(mirrored), at);
}

/** @throws RangeError for a box outside the image, or a target that does not fit */
export function assertFits({ box, height, width, out, at }: Target, imageHeight: number, imageWidth: number): void {
  const { x, y } = box;
  const numbers = [x, y, box.width, box.height, height, width, at];
  const inside = x >= 0 && y >= 0 && x + box.width <= imageWidth && y + box.height <= imageHeight;
  if (!numbers.every(Number.isInteger) || !inside || box.width < 1 || box.height < 1 || height < 1 || width < 1) {
    throw new RangeError(`no box [${numbers.slice(0, 4).join(', ')}] in an image of ${imageWidth}×${imageHeight}`);
  }
  if (at < 0 || at + height * width * 3 > out.length || at > 0x7fff_ffff) {
    throw new RangeError(`${height}×${width}×3 bytes from ${at} on do not fit into ${out.length}`);
  }
}
