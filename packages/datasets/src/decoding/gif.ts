import { assertSize, type StoredImage } from './stored-image.js';
import { decodeColours } from './with-sharp.js';

/** Bytes that blocks begin with. */
const FRAME = 0x2c;
const EXTENSION = 0x21;
const CONTROL = 0xf9;
const END = 0x3b;

const CUT = 'it ends before its first frame';

/** Where the first frame lies on the canvas, and what Pillow fills the rest with. */
interface FirstFrame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly background: readonly number[];
}

/**
 * A GIF's first frame as Pillow reads it: transparent pixels have the colour that their number has in the palette
 * (libvips would make them black), and so has what the frame leaves free of its canvas.
 */
export async function readGif(bytes: Uint8Array): Promise<StoredImage> {
  const opaque = Uint8Array.from(bytes);
  const frame = firstFrame(opaque);
  const image = await decodeColours(opaque);
  fillAround(image, frame);
  return image;
}

/** Finds the first frame, and takes transparency off it. */
function firstFrame(gif: Uint8Array): FirstFrame {
  const view = new DataView(gif.buffer, gif.byteOffset, gif.length);
  if (gif.length < 13) throw new Error(CUT);
  const shared = paletteAt(view, 10, 13);
  const { at, transparent } = skipToFrame(view, 13 + (shared?.size ?? 0));
  if (at + 10 > gif.length) throw new Error(CUT);
  const [left, top] = [view.getUint16(at + 1, true), view.getUint16(at + 3, true)];
  const [width, height] = [view.getUint16(at + 5, true), view.getUint16(at + 7, true)];
  assertSize(Math.max(view.getUint16(6, true), left + width), Math.max(view.getUint16(8, true), top + height));
  const palette = paletteAt(view, at + 9, at + 10) ?? shared;
  if (!palette) throw new Error('it has no palette');
  const from = transparent * 3;
  const background = Array.from(gif.subarray(palette.at + from, palette.at + Math.min(from + 3, palette.size)));
  return { left, top, width, height, background: background.length === 3 ? background : [0, 0, 0] };
}

/** @param flags where the byte is that tells whether there is a palette at `at`, and how large */
function paletteAt(view: DataView, flags: number, at: number): { at: number; size: number } | undefined {
  const byte = view.getUint8(flags);
  return (byte & 0x80) === 0 ? undefined : { at, size: 3 << ((byte & 7) + 1) };
}

/**
 * Goes over the extensions before the first frame. @returns where it begins, and its transparent number (0 without one)
 */
function skipToFrame(view: DataView, start: number): { at: number; transparent: number } {
  const byte = (at: number) => {
    if (at >= view.byteLength) throw new Error(CUT);
    return view.getUint8(at);
  };
  let transparent = 0;
  let at = start;
  while (byte(at) !== FRAME) {
    if (byte(at) === END) throw new Error('it has no frame');
    // Pillow passes over what is neither an extension nor a frame.
    if (byte(at++) !== EXTENSION) continue;
    if (byte(at) === CONTROL && byte(at + 1) >= 4) {
      transparent = (byte(at + 2) & 1) === 1 ? byte(at + 5) : 0;
      view.setUint8(at + 2, byte(at + 2) & ~1);
    }
    at++;
    while (byte(at) > 0) at += byte(at) + 1;
    at++;
  }
  return { at, transparent };
}

function fillAround({ pixels, height, width }: StoredImage, frame: FirstFrame): void {
  if (frame.left === 0 && frame.top === 0 && frame.width >= width && frame.height >= height) return;
  const [right, bottom] = [frame.left + frame.width, frame.top + frame.height];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (y < frame.top || y >= bottom || x < frame.left || x >= right)
        pixels.set(frame.background, (y * width + x) * 3);
    }
  }
}
