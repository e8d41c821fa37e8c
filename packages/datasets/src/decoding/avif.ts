import { avifHeader, decodeAvif } from '@mcld/native/avif.js';
import type { Orientation } from '@mcld/native/orientation.js';
import { exifOrientation, orientationOf } from './orientation.js';
import { assertSize, type StoredImage } from './stored-image.js';

interface Avif {
  readonly image: StoredImage;
  readonly orientation: Orientation;
}

/**
 * Reads an AVIF. What turns it are transformations of the format itself; XMP counts where nothing else does, EXIF
 * never.
 */
export async function readAvif(bytes: Uint8Array): Promise<Avif> {
  const header = avifHeader(bytes);
  const { width, height, exif, xmp } = header;
  assertSize(width, height);
  const image = { pixels: await decodeAvif(bytes, header), height, width };
  const noted = exifOrientation(exif) === undefined ? orientationOf({ xmp }) : 1;
  return { image, orientation: header.orientation === 1 ? noted : header.orientation };
}
