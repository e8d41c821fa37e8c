import { drawJpeg, drawPixels, type JpegHeader, jpegHeader, type Target } from '@mcld/native/drawing.js';
import sharp from 'sharp';
import { DatasetError } from './dataset.js';

/** Largest image that is decoded; bounds what a small file can make this process hold. */
export const MAX_PIXELS = 1 << 26;

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
  constructor(
    readonly bytes: Uint8Array,
    readonly header: JpegHeader,
    readonly name: string,
  ) {}

  get height(): number {
    return this.header.height;
  }

  get width(): number {
    return this.header.width;
  }

  async draw(target: Target): Promise<void> {
    await drawJpeg(this.bytes, this.header, target).catch((error: Error) => {
      throw damaged(this.name, error);
    });
  }
}

/**
 * Opens an encoded image: JPEG, PNG, WebP, TIFF or GIF's first frame. Grey becomes three equal channels, CMYK is
 * converted, alpha is dropped as Pillow's `convert('RGB')` drops it, EXIF orientation is applied. Plain JPEGs are decoded by
 * packages/native (1.0 ms for 500×375 against libvips' 3.3 ms, the same bits), all others by sharp, whole.
 * @param name the file, for messages
 * @throws DatasetError
 */
export async function openPicture(bytes: Uint8Array, name: string): Promise<Picture> {
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      const header = jpegHeader(bytes);
      assertSize(header.width, header.height);
      if (header.plain) return new JpegPicture(bytes, header, name);
    }
    return await decodeWhole(bytes);
  } catch (error) {
    throw damaged(name, error as Error);
  }
}

async function decodeWhole(bytes: Uint8Array): Promise<RawPicture> {
  if (bytes.length === 0) throw new Error('it is empty');
  const image = sharp(bytes, { failOn: 'truncated', limitInputPixels: MAX_PIXELS }).autoOrient();
  const { data, info } = await image.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  assertSize(info.width, info.height);
  if (info.channels !== 3) throw new Error(`it has ${info.channels} channels after conversion to sRGB`);
  return new RawPicture(data, info.height, info.width);
}

function assertSize(width: number, height: number): void {
  if (width * height > MAX_PIXELS) {
    throw new Error(`it is ${width}×${height}; at most ${MAX_PIXELS} pixels are decoded`);
  }
}

const damaged = (name: string, error: Error): DatasetError =>
  new DatasetError('damaged', `${name} is no image that can be decoded: ${error.message}`, { cause: error });
