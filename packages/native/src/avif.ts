import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { addon } from './addon.js';
import { isOrientation, type Orientation } from './orientation.js';

/** Thrown for bytes that are no AVIF that can be decoded. */
export class AvifError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'INVALID_AVIF' } as const;
}

/** Size as it is stored, before it is turned. */
export interface AvifHeader {
  readonly width: number;
  readonly height: number;
  /** By the transformations of the format itself. */
  readonly orientation: Orientation;
  /** Empty where there is none. */
  readonly exif: Uint8Array;
  readonly xmp: Uint8Array;
}

const header = new Int32Array(3);

/** @throws AvifError */
export function avifHeader(bytes: Uint8Array): AvifHeader {
  const notes = addon().avifHeader(bytes, header);
  if (typeof notes === 'string') throw new AvifError(notes);
  const [exif, xmp] = notes;
  const [width = 0, height = 0, stored = 0] = header;
  return { width, height, orientation: isOrientation(stored) ? stored : 1, exif, xmp };
}

/**
 * Decodes the first frame in the thread pool, with Pillow's libavif.
 * @param bytes not to be written to until it is done
 * @returns uint8 [height, width, 3], as it is stored
 * @throws AvifError
 */
export async function decodeAvif(bytes: Uint8Array, { width, height }: AvifHeader): Promise<Uint8Array> {
  const out = new Uint8Array(width * height * 3);
  try {
    await addon().decodeAvif(bytes, out);
  } catch (error) {
    throw new AvifError(messageOf(error));
  }
  return out;
}
