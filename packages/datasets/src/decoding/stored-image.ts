/** Largest image that is decoded; bounds what a small file can make this process hold. */
export const MAX_PIXELS = 1 << 26;

/** An image's pixels as they lie in its file, before EXIF's orientation is applied: uint8 [height, width, 3]. */
export interface StoredImage {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** To be called before anything is allocated for an image. */
export function assertSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new Error(`it is ${width}×${height}, which leaves no pixels`);
  if (width * height > MAX_PIXELS) {
    throw new Error(`it is ${width}×${height}; at most ${MAX_PIXELS} pixels are decoded`);
  }
}
