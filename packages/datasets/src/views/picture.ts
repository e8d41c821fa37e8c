import { messageOf } from '@mcld/errors/text.js';
import { AddonError } from '@mcld/native/addon.js';
import { drawPixels, type Target } from '@mcld/native/drawing.js';
import { drawJpeg, type JpegHeader, jpegHeader } from '@mcld/native/jpeg.js';
import { isSwapped, type Orientation, turned } from '@mcld/native/orientation.js';
import { formatOf } from '../decoding/content.js';
import { jpegNotes } from '../decoding/jpeg.js';
import { orientationOf } from '../decoding/orientation.js';
import { assertSize } from '../decoding/stored-image.js';
import { readWhole } from '../decoding/whole.js';
import { DatasetError } from '../readers/dataset-error.js';

/**
 * Counted up when the same file comes to other pixels than before: fingerprints hold it, so that logits and decoded
 * copies of the former pixels are not taken for those of the new ones.
 */
export const DECODING = 3;

/** An image of a data set, decoded as far as a view needs it. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** Draws a box of it, resized with antialiasing; at once where the pixels are in memory. */
  draw(target: Target): Promise<void> | void;
}

/** An image in memory, uint8 [height, width, 3]. */
export class RawPicture implements Picture {
  constructor(
    readonly pixels: Uint8Array,
    readonly height: number,
    readonly width: number,
  ) {}

  draw(target: Target): void {
    drawPixels(this.pixels, [this.height, this.width], target);
  }
}

/** A JPEG in memory: only what a box needs is decoded. */
class JpegPicture implements Picture {
  readonly height: number;
  readonly width: number;

  constructor(
    readonly bytes: Uint8Array,
    readonly header: JpegHeader,
    readonly orientation: Orientation,
    readonly name: string,
  ) {
    const { height, width } = header;
    [this.height, this.width] = isSwapped(orientation) ? [width, height] : [height, width];
  }

  async draw(target: Target): Promise<void> {
    await drawJpeg(this.bytes, this.header, this.orientation, target).catch((error: Error) => {
      throw damaged(this.name, error);
    });
  }
}

/**
 * Opens an encoded image: JPEG, PNG, WebP, GIF, TIFF, BMP, PBM, PGM, PPM or AVIF, whatever it is called; of several
 * frames or pages the first. What it means is what Pillow's `exif_transpose(Image.open(file)).convert('RGB')` makes of
 * it, to the bit and in all formats (`npm run pixels`): colour profiles are ignored, EXIF's orientation is applied,
 * alpha is dropped, grey becomes three equal channels, inks become colours by arithmetic, grey of more than eight bits
 * is clipped. JPEGs are decoded by packages/native, which draws boxes (1.0 ms for 500×375 against libvips' 3.3 ms), all
 * others whole.
 * @param name the file, for messages
 * @throws DatasetError
 */
export async function openPicture(bytes: Uint8Array, name: string): Promise<Picture> {
  try {
    const format = formatOf(bytes);
    if (format === 'jpeg') return openJpeg(bytes, name);
    const { image, orientation } = await readWhole(bytes, format);
    const { pixels, height, width } = image;
    const upright = orientation === 1 ? pixels : turned(pixels, [height, width], orientation);
    return isSwapped(orientation) ? new RawPicture(upright, width, height) : new RawPicture(upright, height, width);
  } catch (error) {
    if (error instanceof AddonError) throw error;
    throw damaged(name, error);
  }
}

function openJpeg(bytes: Uint8Array, name: string): JpegPicture {
  const header = jpegHeader(bytes);
  assertSize(header.width, header.height);
  return new JpegPicture(bytes, header, orientationOf(jpegNotes(bytes)), name);
}

const damaged = (name: string, error: unknown): DatasetError =>
  new DatasetError('damaged', `${name} is not an image that can be decoded: ${messageOf(error)}`, { cause: error });
