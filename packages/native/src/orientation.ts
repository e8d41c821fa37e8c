import { addon } from './addon.js';

/** EXIF's: 1 is upright, 2 to 8 are turned or mirrored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const isOrientation = (value: number): value is Orientation => value >= 1 && value <= 8;

/** Whether upright and stored picture have height and width exchanged. */
export const isSwapped = (orientation: Orientation): boolean => orientation >= 5;

/**
 * The picture upright.
 * @param pixels uint8 [height, width, 3], as it is stored
 */
export function turned(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  orientation: Orientation,
): Uint8Array {
  if (pixels.length !== height * width * 3) throw new RangeError(`${pixels.length} bytes are not ${height}×${width}×3`);
  const out = new Uint8Array(pixels.length);
  addon().turn(pixels, height, width, orientation, out);
  return out;
}
