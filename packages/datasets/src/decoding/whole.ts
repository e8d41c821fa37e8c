import type { Orientation } from '@mcld/native/orientation.js';
import { readAvif } from './avif.js';
import { readBmp } from './bmp.js';
import type { ImageFormat } from './content.js';
import { readGif } from './gif.js';
import { type Notes, orientationOf } from './orientation.js';
import { isPlainGrey, pngNotes } from './png.js';
import { readPnm } from './pnm.js';
import type { StoredImage } from './stored-image.js';
import { assertReadableTiff } from './tiff.js';
import { decode, headerOf, type Samples } from './with-sharp.js';

interface Whole {
  readonly image: StoredImage;
  readonly orientation: Orientation;
}

/** Decodes all of an image that is no JPEG. */
export async function readWhole(bytes: Uint8Array, format: Exclude<ImageFormat, 'jpeg'>): Promise<Whole> {
  if (format === 'bmp') return { image: readBmp(bytes), orientation: 1 };
  if (format === 'pnm') return { image: readPnm(bytes), orientation: 1 };
  if (format === 'gif') return { image: await readGif(bytes), orientation: 1 };
  if (format === 'avif') return readAvif(bytes);
  if (format === 'tiff') assertReadableTiff(bytes);
  const header = await headerOf(bytes);
  const orientation = orientationOf(notesOf(bytes, format, header.notes));
  return { image: await decode(bytes, samplesOf(bytes, format, header.samples)), orientation };
}

function notesOf(bytes: Uint8Array, format: 'png' | 'webp' | 'tiff', notes: Notes): Notes {
  if (format === 'png') return pngNotes(bytes);
  // EXIF is written as a TIFF is, so a TIFF is its own EXIF.
  return format === 'tiff' ? { ...notes, exif: bytes } : notes;
}

/** libvips makes alpha out of a transparent colour of grey, which Pillow does not. */
const samplesOf = (bytes: Uint8Array, format: ImageFormat, samples: Samples): Samples =>
  format === 'png' && isPlainGrey(bytes) ? { ...samples, channels: 1 } : samples;
