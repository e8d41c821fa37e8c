import type { Orientation } from '@mcld/native/orientation.js';
import { TiffDirectory } from './tiff-directory.js';

/** What a file says about its picture beside the pixels. */
export interface Notes {
  /** A TIFF, with or without `Exif\0\0` before it. */
  readonly exif?: Uint8Array | undefined;
  /** XML. */
  readonly xmp?: Uint8Array | undefined;
}

const ORIENTATION = 0x0112;

/**
 * How a picture is to be turned, as Pillow's `exif_transpose` decides: EXIF's orientation or, where EXIF has none,
 * XMP's. What is damaged or out of range leaves the picture as it is.
 */
export function orientationOf({ exif, xmp }: Notes): Orientation {
  return exifOrientation(exif) ?? xmpOrientation(xmp) ?? 1;
}

/** @returns undefined where EXIF, if there is any, has no orientation */
export function exifOrientation(exif: Uint8Array | undefined): Orientation | undefined {
  const values = exif && TiffDirectory.of(withoutHeader(exif))?.integers(ORIENTATION);
  if (!values) return undefined;
  return values.length === 1 ? asOrientation(values[0]) : 1;
}

function xmpOrientation(xmp: Uint8Array | undefined): Orientation | undefined {
  const found = xmp && /tiff:Orientation(?:="|>)([0-9])/.exec(Buffer.from(xmp).toString('latin1'));
  return found ? asOrientation(Number(found[1])) : undefined;
}

function withoutHeader(exif: Uint8Array): Uint8Array {
  let bytes = exif;
  for (let n = 0; n < 2 && Buffer.from(bytes.subarray(0, 6)).toString('latin1') === 'Exif\0\0'; n++) {
    bytes = bytes.subarray(6);
  }
  return bytes;
}

const asOrientation = (value: number | undefined): Orientation =>
  ([2, 3, 4, 5, 6, 7, 8] as const).find((known) => known === value) ?? 1;
