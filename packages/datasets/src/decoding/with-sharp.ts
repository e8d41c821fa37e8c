import { cmykToRgb } from '@mcld/native/inks.js';
import sharp from 'sharp';
import type { Notes } from './orientation.js';
import { assertSize, MAX_PIXELS, type StoredImage } from './stored-image.js';

/**
 * Profiles are not applied: Pillow's `convert('RGB')`, which people compare with, does not either. What libvips calls
 * an error is one here, since it goes on with zeros.
 */
const options = { failOn: 'error', limitInputPixels: MAX_PIXELS, ignoreIcc: true } as const;

/** How the samples of an image are stored: libvips' names of their colour space and type. */
export interface Samples {
  readonly space: string;
  readonly depth: string;
  readonly channels: number;
}

/** What libvips says of an image before it is decoded. */
export async function headerOf(bytes: Uint8Array): Promise<{ samples: Samples; notes: Notes }> {
  const image = sharp(bytes, { ...options, limitInputPixels: false });
  const { space, depth, channels, width, height, exif, xmp } = await image.metadata().catch(refuseHeader);
  assertSize(width, height);
  return { samples: { space, depth, channels }, notes: { exif, xmp } };
}

/** Decodes PNG, WebP or TIFF as Pillow's `convert('RGB')` does. */
export async function decode(bytes: Uint8Array, { space, depth, channels }: Samples): Promise<StoredImage> {
  const kind = `${space} ${depth}`;
  if (kind === 'b-w uchar' || kind === 'srgb uchar' || kind === 'rgb16 ushort') return decodeColours(bytes);
  // Pillow takes the upper byte of 16-bit grey that has alpha beside it, and clips grey alone.
  if (kind === 'grey16 ushort' && channels > 1) return decodeColours(bytes);
  if (space === 'cmyk' && (depth === 'uchar' || depth === 'ushort')) return decodeInks(bytes, depth);
  if (isLong(depth) && (space === 'grey16' || space === 'b-w')) return decodeLongGrey(bytes, depth, space);
  throw new Error(`its pixels are '${space}' of type '${depth}', which are not read`);
}

/** What sharp says before libvips' own words, or where there are none. */
const meaningless =
  /^(Input buffer has corrupt header:|Input buffer contains unsupported image format|Unknown error)\s*/;

/**
 * libvips says the same again for each part of an image, below a heading that people cannot do anything with; of some
 * damage it says nothing.
 * @param otherwise what is said then
 */
const retell =
  (otherwise: string) =>
  (error: Error): never => {
    const [line = ''] = error.message.replace(meaningless, '').split('\n');
    throw new Error(line.slice(0, 200) || otherwise, { cause: error });
  };

const refuseHeader = retell('its header is damaged');
const refusePixels = retell('its header or its pixels are damaged');

/** Grey becomes three equal channels, of 16 bits the upper eight count, alpha is dropped. */
export async function decodeColours(bytes: Uint8Array): Promise<StoredImage> {
  const image = sharp(bytes, options).toColourspace('srgb').removeAlpha();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true }).catch(refusePixels);
  const { height, width, channels } = info;
  // A TIFF may have more than alpha behind its colours.
  return { pixels: channels === 3 ? data : bytesOf(data, 1, channels, 3), height, width };
}

async function decodeInks(bytes: Uint8Array, depth: 'uchar' | 'ushort'): Promise<StoredImage> {
  const image = sharp(bytes, options).pipelineColourspace('cmyk').toColourspace('cmyk');
  const { data, info } = await image.raw({ depth }).toBuffer({ resolveWithObject: true }).catch(refusePixels);
  const inks = bytesOf(data, depth === 'ushort' ? 2 : 1, info.channels, 4);
  return { pixels: cmykToRgb(inks), height: info.height, width: info.width };
}

/**
 * The upper bytes of each pixel's first `wanted` samples of `size` bytes in this machine's order, which is
 * little-endian.
 */
function bytesOf(data: Uint8Array, size: number, channels: number, outChannels: number): Uint8Array {
  const out = new Uint8Array((data.length / (channels * size)) * outChannels);
  for (let from = size - 1, at = 0; at < out.length; from += channels * size, at += outChannels) {
    for (let c = 0; c < outChannels; c++) out[at + c] = data[from + c * size] ?? 0;
  }
  return out;
}

const longTypes = {
  ushort: Uint16Array,
  short: Int16Array,
  uint: Uint32Array,
  int: Int32Array,
  float: Float32Array,
} as const;

const isLong = (depth: string): depth is keyof typeof longTypes => Object.hasOwn(longTypes, depth);

/**
 * Grey of more than eight bits is clipped to 0…255 and its fraction cut off: a way of Pillow's that people may not
 * expect.
 */
async function decodeLongGrey(bytes: Uint8Array, depth: keyof typeof longTypes, space: string): Promise<StoredImage> {
  const image = sharp(bytes, options).toColourspace(space);
  const { data, info } = await image.raw({ depth }).toBuffer({ resolveWithObject: true }).catch(refusePixels);
  const values = new longTypes[depth](data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
  const { height, width, channels } = info;
  const pixels = new Uint8Array(width * height * 3);
  for (let from = 0, at = 0; at < pixels.length; from += channels, at += 3) {
    pixels[at] = pixels[at + 1] = pixels[at + 2] = Math.min(255, Math.max(0, values[from] ?? 0));
  }
  return { pixels, height, width };
}
