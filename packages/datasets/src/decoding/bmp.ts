import { assertSize, type StoredImage } from './stored-image.js';

/** How the pixels are packed. */
const packings = { plain: 0, runs8: 1, runs4: 2, masks: 3 } as const;

/** Sizes of headers that are known: OS/2's (12, 64) and Windows' of all times. */
const headerSizes: ReadonlySet<number> = new Set([12, 40, 52, 56, 64, 108, 124]);

/** Bits that are red, green and blue where the file does not say. */
const defaultMasks = (bits: number): Masks => (bits === 16 ? [0x7c00, 0x03e0, 0x001f] : [0xff0000, 0x00ff00, 0x0000ff]);

type Masks = readonly [red: number, green: number, blue: number];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly packing: number;
  /** How many colours the palette has, and bytes each (blue, green and red come first). */
  readonly colours: number;
  readonly colourBytes: number;
  readonly paletteAt: number;
  readonly masks: Masks;
  readonly pixelsAt: number;
}

/**
 * Reads BMP as Pillow does: 1, 4 and 8 bits with a palette, plain or as run lengths, and 16, 24 and 32 bits, bottom-up
 * or top-down, of Windows or OS/2. Alpha is dropped. (The readers on npm get run lengths, OS/2 and 16 bits wrong.)
 */
export function readBmp(bytes: Uint8Array): StoredImage {
  const header = readHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  const { width, height, bits, packing } = header;
  const pixels = new Uint8Array(width * height * 3);
  if (bits > 8) readColours(bytes, header, pixels);
  else {
    const numbers = packing === packings.plain ? plainNumbers(bytes, header) : runNumbers(bytes, header);
    paint(numbers, readPalette(bytes, header), header, pixels);
  }
  return { pixels, height, width };
}

function readHeader(view: DataView): Header {
  const size = view.byteLength < 26 ? 0 : view.getUint32(14, true);
  if (!headerSizes.has(size) || view.byteLength < 14 + size)
    throw new Error(`its BMP header of ${size} bytes is unknown or cut off`);
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : view.getUint32(18, true);
  const signedHeight = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(old ? 24 : 28, true);
  const packing = old ? packings.plain : view.getUint32(30, true);
  assertSize(width, height);
  assertPacking(bits, packing);
  const masked = packing === packings.masks;
  const paletteAt = 14 + size;
  const colours = (old ? 0 : view.getUint32(46, true)) || 2 ** Math.min(bits, 8);
  const colourBytes = old ? 3 : 4;
  let pixelsAt = view.getUint32(10, true);
  // Some writers forget the palette in it.
  if (bits <= 8 && pixelsAt === paletteAt) pixelsAt += colours * colourBytes;
  if (pixelsAt === 0) pixelsAt = paletteAt + (bits <= 8 ? colours * colourBytes : masked && size === 40 ? 12 : 0);
  const masks = masked ? readMasks(view, bits) : defaultMasks(bits);
  return { width, height, topDown: signedHeight < 0, bits, packing, colours, colourBytes, paletteAt, masks, pixelsAt };
}

function assertPacking(bits: number, packing: number): void {
  const allowed: Readonly<Record<number, readonly number[]>> = {
    1: [packings.plain],
    4: [packings.plain, packings.runs4],
    8: [packings.plain, packings.runs8],
    16: [packings.plain, packings.masks],
    24: [packings.plain, packings.masks],
    32: [packings.plain, packings.masks],
  };
  if (allowed[bits]?.includes(packing)) return;
  throw new Error(`it is a BMP of ${bits} bits a pixel and compression ${packing}, which is not read`);
}

/** They follow the 40 bytes that all newer headers begin with, whether they are part of the header or not. */
function readMasks(view: DataView, bits: number): Masks {
  if (view.byteLength < 66) throw new Error('it ends before its masks');
  const masks: Masks = [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)];
  return masks.every((mask) => mask === 0) ? defaultMasks(bits) : masks;
}

/** Red, green and blue of 256 numbers; those that the file leaves out are black. */
function readPalette(bytes: Uint8Array, { colours, colourBytes, paletteAt }: Header): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (let i = 0; i < Math.min(colours, 256); i++) {
    for (let c = 0; c < 3; c++) palette[i * 3 + c] = bytes[paletteAt + i * colourBytes + 2 - c] ?? 0;
  }
  return palette;
}

/** @param numbers a byte a pixel, rows in the file's order */
function paint(numbers: Uint8Array, palette: Uint8Array, { width, height, topDown }: Header, pixels: Uint8Array): void {
  for (let row = 0, from = 0; row < height; row++) {
    let at = (topDown ? row : height - 1 - row) * width * 3;
    for (let x = 0; x < width; x++) {
      const colour = (numbers[from++] ?? 0) * 3;
      pixels[at++] = palette[colour] ?? 0;
      pixels[at++] = palette[colour + 1] ?? 0;
      pixels[at++] = palette[colour + 2] ?? 0;
    }
  }
}

/**
 * Bytes from one row to the next; @throws Error where not all rows are there (the last one's padding may be missing)
 */
function assertRows(length: number, { width, height, bits, pixelsAt }: Header): number {
  const rowBytes = Math.ceil((width * bits) / 8);
  const stride = Math.ceil(rowBytes / 4) * 4;
  const pixelBytes = stride * (height - 1) + rowBytes;
  if (length - pixelsAt >= pixelBytes) return stride;
  throw new Error(`it is truncated: ${Math.max(0, length - pixelsAt)} of ${pixelBytes} bytes of pixels`);
}

function plainNumbers(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height, bits, pixelsAt } = header;
  const stride = assertRows(bytes.length, header);
  const numbers = new Uint8Array(width * height);
  const most = (1 << bits) - 1;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      const byte = bytes[pixelsAt + y * stride + (bit >> 3)] ?? 0;
      numbers[at++] = (byte >> (8 - bits - (bit & 7))) & most;
    }
  }
  return numbers;
}

/** Unpacks run lengths. What they jump over has the number 0; a run does not go on in the next row. */
function runNumbers(bytes: Uint8Array, { width, height, bits, pixelsAt }: Header): Uint8Array {
  const numbers = new Uint8Array(width * height);
  const number = (byte: number, i: number) => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  let [at, x, from] = [0, 0, pixelsAt];
  while (at < numbers.length && from + 2 <= bytes.length) {
    const [count = 0, value = 0] = bytes.subarray(from, from + 2);
    from += 2;
    if (count > 0) {
      const taken = Math.max(0, Math.min(count, width - x));
      for (let i = 0; i < taken; i++) numbers[at++] = number(value, i);
      x += taken;
    } else if (value === 0) {
      at = Math.ceil(at / width) * width;
      x = 0;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      at += (bytes[from] ?? 0) + (bytes[from + 1] ?? 0) * width;
      x = at % width;
      from += 2;
    } else {
      const taken = Math.min(value, numbers.length - at);
      const size = Math.ceil((taken * bits) / 8);
      if (from + size > bytes.length) break;
      for (let i = 0; i < taken; i++) numbers[at++] = number(bytes[from + ((i * bits) >> 3)] ?? 0, i);
      x += value;
      from += size + ((from + size) % 2);
    }
  }
  if (at < numbers.length) throw new Error(`it is truncated: ${at} of ${numbers.length} pixels`);
  return numbers;
}

function readColours(bytes: Uint8Array, header: Header, pixels: Uint8Array): void {
  const { width, height, topDown, bits, masks, pixelsAt } = header;
  const stride = assertRows(bytes.length, header);
  const step = bits / 8;
  const red = readerOf(masks[0], bytes, step);
  const green = readerOf(masks[1], bytes, step);
  const blue = readerOf(masks[2], bytes, step);
  for (let row = 0; row < height; row++) {
    let from = pixelsAt + row * stride;
    let at = (topDown ? row : height - 1 - row) * width * 3;
    for (let x = 0; x < width; x++, from += step) {
      pixels[at++] = red(from);
      pixels[at++] = green(from);
      pixels[at++] = blue(from);
    }
  }
}

/** The level of one colour in the pixel that begins at a byte. */
type Reader = (from: number) => number;

function readerOf(mask: number, bytes: Uint8Array, step: number): Reader {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  const byte = shift / 8;
  if (most === 255 && Number.isInteger(byte)) return (from) => bytes[from + byte] ?? 0;
  return (from) => {
    let number = 0;
    for (let i = 0; i < step; i++) number |= (bytes[from + i] ?? 0) << (8 * i);
    return Math.floor((((number & mask) >>> shift) * 255) / most);
  };
}
