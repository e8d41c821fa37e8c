import { drawShifted, SHIFT_WORDS } from '@mcld/native/drawing.js';
import type { ImageSize } from '../readers/dataset.js';
import { type Augmentation, cropCodes } from './augmentation.js';

/**
 * Cuts zero-padded images and mirrors what was cut: code = ((y·(2p + 1)) + x)·flips + flip, where (x, y) is the crop's
 * corner in the padded image.
 * @param images uint8 [images, height, width, 3]
 * @param index the image of each view
 * @param code of each view
 * @param out uint8 [views, height, width, 3]
 */
export function padCrops(
  images: Uint8Array,
  { height, width }: ImageSize,
  augmentation: Augmentation,
  { index, code }: { readonly index: Uint32Array | readonly number[]; readonly code: Uint32Array | readonly number[] },
  out: Uint8Array,
): void {
  const { cropPadding: p, horizontalFlip } = augmentation;
  const offsets = 2 * p + 1;
  const codes = cropCodes(augmentation);
  const shifts = new Int32Array(index.length * SHIFT_WORDS);
  for (const [i, image] of index.entries()) {
    const view = code[i] ?? 0;
    if (view >= codes) throw new RangeError(`view code ${view} of ${codes}`);
    const place = horizontalFlip ? view >>> 1 : view;
    shifts[i * SHIFT_WORDS] = image;
    shifts[i * SHIFT_WORDS + 1] = (place % offsets) - p;
    shifts[i * SHIFT_WORDS + 2] = Math.floor(place / offsets) - p;
    shifts[i * SHIFT_WORDS + 3] = horizontalFlip ? view & 1 : 0;
  }
  drawShifted(images, [height, width], shifts, out);
}
