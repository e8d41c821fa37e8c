import { assertSize, type StoredImage } from './stored-image.js';

/** Digits of a number: as many as Pillow takes. */
const MAX_DIGITS = 10;

interface Header {
  /** Of a pixel: 1 in bitmaps and grey, 3 in colour. */
  readonly channels: number;
  readonly width: number;
  readonly height: number;
  /** The number that white is written as; 0 in bitmaps, where black is 1. */
  readonly white: number;
}

/** Reads PBM, PGM and PPM, as text (P1 to P3) or in binary (P4 to P6), as Pillow does. */
export function readPnm(bytes: Uint8Array): StoredImage {
  const variant = (bytes[1] ?? 0) - 0x30;
  const tokens = new Tokens(bytes);
  const header = readHeader(tokens, variant);
  const { width, height, channels } = header;
  const next = variant > 3 ? binarySamples(bytes.subarray(tokens.at), header) : plainSamples(tokens, header);
  const levels = levelsOf(header);
  const pixels = new Uint8Array(width * height * 3);
  for (let at = 0; at < pixels.length; at += 3) {
    const red = levels[next()] ?? 0;
    pixels[at] = red;
    pixels[at + 1] = channels === 1 ? red : (levels[next()] ?? 0);
    pixels[at + 2] = channels === 1 ? red : (levels[next()] ?? 0);
  }
  return { pixels, height, width };
}

function readHeader(tokens: Tokens, variant: number): Header {
  const [width, height] = [tokens.number('its width'), tokens.number('its height')];
  assertSize(width, height);
  const bitmap = variant === 1 || variant === 4;
  const white = bitmap ? 0 : tokens.number('its largest value');
  if (!bitmap && (white < 1 || white > 65535)) throw new Error(`its largest value is ${white}, expected 1 to 65535`);
  return { channels: variant % 3 === 0 ? 3 : 1, width, height, white };
}

/**
 * The level that each number means. Grey of more than 255 levels is stretched to 65535 and then clipped: Pillow's way.
 */
function levelsOf({ channels, white }: Header): Uint8Array {
  if (white === 0) return Uint8Array.of(255, 0);
  const most = channels === 1 && white > 255 ? 65535 : 255;
  const count = white > 255 ? 65536 : 256;
  return Uint8Array.from({ length: count }, (_, value) => Math.min(255, roundHalfEven((value / white) * most)));
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

function binarySamples(data: Uint8Array, { channels, width, height, white }: Header): () => number {
  const size = white > 255 ? 2 : 1;
  const rowBytes = white === 0 ? Math.ceil(width / 8) : width * channels * size;
  if (data.length < rowBytes * height) {
    throw new Error(`it is truncated: ${data.length} of ${rowBytes * height} bytes of pixels`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  if (white > 255) return () => view.getUint16(2 * at++);
  if (white > 0) return () => view.getUint8(at++);
  return () => {
    const [y, x] = [Math.floor(at / width), at++ % width];
    return (view.getUint8(y * rowBytes + (x >> 3)) >> (7 - (x & 7))) & 1;
  };
}

function plainSamples(tokens: Tokens, { white }: Header): () => number {
  if (white === 0) return () => tokens.bit();
  return () => {
    const value = tokens.number('a pixel');
    if (value > white) throw new Error(`a pixel is ${value}, expected 0 to ${white}`);
    return value;
  };
}

/** Numbers between white space; `#` begins a comment up to the end of its line. */
class Tokens {
  /** Behind the magic number. */
  at = 2;

  constructor(private readonly bytes: Uint8Array) {}

  /** @param what for messages */
  number(what: string): number {
    let token = '';
    for (;;) {
      const character = this.next();
      const ends = character === '' || /\s/.test(character);
      if (ends && token !== '') break;
      if (character === '') throw new Error(`it ends before ${what}`);
      if (ends) continue;
      token += character;
      if (!/^\d+$/.test(token) || token.length > MAX_DIGITS) throw new Error(`${what} is not a number`);
    }
    return Number(token);
  }

  /** 0 or 1: in a plain bitmap they need no space between them. */
  bit(): number {
    for (;;) {
      const character = this.next();
      if (character === '0' || character === '1') return Number(character);
      if (character === '') throw new Error('it ends before a pixel');
      if (!/\s/.test(character)) throw new Error('a pixel is neither 0 nor 1');
    }
  }

  /** The next character that is in no comment; '' at the end. */
  private next(): string {
    while (this.bytes[this.at] === 0x23) {
      while (this.at < this.bytes.length && this.bytes[this.at] !== 0x0a && this.bytes[this.at] !== 0x0d) this.at++;
      // The line's end belongs to the comment.
      this.at++;
    }
    const code = this.bytes[this.at++];
    return code === undefined ? '' : String.fromCharCode(code);
  }
}
