import type { Augmentation } from './augmentation.js';
import type { ImageSize } from './dataset.js';

/**
 * Cuts the zero-padded image and mirrors what was cut: code = ((y·(2p + 1)) + x)·flips + flip, where (x, y)
 * is the crop's corner in the padded image.
 * @param image uint8 [height, width, 3]
 * @param out takes as many bytes from `at` on
 */
export function padCrop(
  image: Uint8Array,
  { height, width }: ImageSize,
  { cropPadding: p, horizontalFlip }: Augmentation,
  code: number,
  out: Uint8Array,
  at: number,
): void {
  const offsets = 2 * p + 1;
  const mirrored = horizontalFlip && (code & 1) === 1;
  const place = horizontalFlip ? code >>> 1 : code;
  const dx = (place % offsets) - p;
  const dy = Math.floor(place / offsets) - p;
  const from = Math.max(0, dx);
  const to = Math.min(width, width + dx);
  for (let y = 0; y < height; y++) {
    const row = at + y * width * 3;
    const source = y + dy;
    if (source < 0 || source >= height) {
      out.fill(0, row, row + width * 3);
      continue;
    }
    // Columns from…to of the source land at from−dx… of the view; the rest of the row is padding.
    const start = row + (from - dx) * 3;
    const end = row + (to - dx) * 3;
    out.fill(0, row, start);
    out.set(image.subarray((source * width + from) * 3, (source * width + to) * 3), start);
    out.fill(0, end, row + width * 3);
    if (mirrored) mirror(out, row, width);
  }
}

function mirror(out: Uint8Array, row: number, width: number): void {
  for (let left = row, right = row + (width - 1) * 3; left < right; left += 3, right -= 3) {
    for (let c = 0; c < 3; c++) {
      const kept = out[left + c] as number;
      out[left + c] = out[right + c] as number;
      out[right + c] = kept;
    }
  }
}
