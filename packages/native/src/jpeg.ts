import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { addon } from './addon.js';
import { assertFits, packed, type Target } from './drawing.js';
import { isSwapped, type Orientation } from './orientation.js';

/** Thrown for bytes that are no JPEG that can be decoded; tells at which byte. */
export class JpegError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'INVALID_JPEG' } as const;
}

/** Size as it is stored, before it is turned. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
}

const header = new Int32Array(2);

/** @throws JpegError */
export function jpegHeader(bytes: Uint8Array): JpegHeader {
  const error = addon().jpegHeader(bytes, header);
  if (error !== undefined) throw new JpegError(error);
  const [width = 0, height = 0] = header;
  return { width, height };
}

/**
 * Decodes what a box of the upright picture needs of a JPEG, in the thread pool, and draws it as `drawPixels` does.
 * Inks (CMYK, YCCK) become colours as Pillow's `convert('RGB')` makes them.
 * @param bytes not to be written to until it is done
 * @throws JpegError for damage in what was decoded
 */
export async function drawJpeg(
  bytes: Uint8Array,
  { width, height }: JpegHeader,
  orientation: Orientation,
  target: Target,
): Promise<void> {
  if (isSwapped(orientation)) assertFits(target, width, height);
  else assertFits(target, height, width);
  try {
    await addon().drawJpeg(bytes, orientation, packed(target), target.out);
  } catch (error) {
    throw new JpegError(messageOf(error));
  }
}
