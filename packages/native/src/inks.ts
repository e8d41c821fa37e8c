import { addon } from './addon.js';

/**
 * Cyan, magenta, yellow and black as red, green and blue, by Pillow's arithmetic: no profile is asked.
 * @param inks uint8 [pixels, 4], 255 is full ink
 * @returns uint8 [pixels, 3]
 */
export function cmykToRgb(inks: Uint8Array): Uint8Array {
  if (inks.length % 4 !== 0) throw new RangeError(`${inks.length} bytes are not four for each pixel`);
  const out = new Uint8Array((inks.length / 4) * 3);
  addon().cmykToRgb(inks, out);
  return out;
}
