import type { Orientation } from '@mcld/native/orientation.js';
import { type Field, TiffDirectory } from './tiff-directory.js';

/** What a file says about its picture beside the pixels. */
export interface Notes {
  /** A TIFF, with or without `Exif\0\0` before it. */
  readonly exif?: Uint8Array | undefined;
  /** XML. */
  readonly xmp?: Uint8Array | undefined;
}

const ORIENTATION = 0x0112;

/** Types whose values are not numbers to Pillow: bytes, text and undefined. */
const wordTypes: ReadonlySet<number> = new Set([1, 2, 7]);

/**
 * How a picture is to be turned, as Pillow's `exif_transpose` decides: EXIF's orientation or, where EXIF has none,
 * XMP's. What is out of range, no number or no EXIF at all leaves the picture as it is.
 */
export function orientationOf({ exif, xmp }: Notes): Orientation {
  return exifOrientation(exif) ?? xmpOrientation(xmp) ?? 1;
}

/** @returns undefined where EXIF, if there is any, has no orientation */
export function exifOrientation(exif: Uint8Array | undefined): Orientation | undefined {
  const tiff = exif && withoutHeader(exif);
  if (!tiff?.length) return undefined;
  const directory = TiffDirectory.of(tiff);
  if (!directory) return 1;
  const field = orientationField(directory);
  if (!field) return undefined;
  return wordTypes.has(field.type) ? 1 : asOrientation(directory.first(field));
}

/**
 * Where Pillow comes to a value that leads out of EXIF, it reads no further; it passes over what is larger than all of
 * EXIF.
 */
function orientationField(directory: TiffDirectory): Field | undefined {
  let outside = 0;
  for (const field of directory.fields()) {
    if (!field.isInside) {
      outside += field.bytes;
      if (outside > directory.length) continue;
      if (field.at + field.bytes > directory.length) return undefined;
    }
    if (field.tag === ORIENTATION) return field;
  }
  return undefined;
}

function xmpOrientation(xmp: Uint8Array | undefined): Orientation | undefined {
  const match = xmp && /tiff:Orientation(?:="|>)([0-9])/.exec(Buffer.from(xmp).toString('latin1'));
  return match ? asOrientation(Number(match[1])) : undefined;
}

function withoutHeader(exif: Uint8Array): Uint8Array {
  let bytes = exif;
  for (let n = 0; n < 2 && Buffer.from(bytes.subarray(0, 6)).toString('latin1') === 'Exif\0\0'; n++) {
    bytes = bytes.subarray(6);
  }
  return bytes;
}

const asOrientation = (value: number): Orientation =>
  ([2, 3, 4, 5, 6, 7, 8] as const).find((known) => known === value) ?? 1;
