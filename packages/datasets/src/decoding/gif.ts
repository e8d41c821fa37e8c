import { assertSize, type StoredImage } from './stored-image.js';
import { decode } from './with-sharp.js';

/** Where the first frame lies on the canvas, and what Pillow fills the rest with. */
interface FirstFrame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly background: readonly number[];
}

/**
 * A GIF's first frame as Pillow reads it: transparent pixels have the colour that their number has in the palette (libvips
 * would make them black), and so has what the frame leaves free of its canvas.
 */
export async function readGif(bytes: Uint8Array): Promise<StoredImage> {
  const opaque = Uint8Array.from(bytes);
  const frame = firstFrame(opaque);
  const image = await decode(opaque, { space: 'srgb', depth: 'uchar', channels: 3 });
  fillAround(image, frame);
  return image;
}

/** Finds the first frame, and takes transparency off it. */
function firstFrame(gif: Uint8Array): FirstFrame {
  const view = new DataView(gif.buffer, gif.byteOffset, gif.length);
  const byte = (at: number) => {
    if (at >= gif.length) throw new Error('it ends before its first frame');
    return view.getUint8(at);
  };
  const paletteAt = (flags: number, at: number) =>
    (flags & 0x80) === 0 ? undefined : { at, size: 3 << ((flags & 7) + 1) };
  const shared = paletteAt(byte(10), 13);
  let transparent: number | undefined;
  let at = 13 + (shared?.size ?? 0);
  for (; byte(at) !== 0x2c; ) {
    if (byte(at) === 0x3b) throw new Error('it has no frame');
    // Pillow passes over what is neither an extension nor a frame.
    if (byte(at) !== 0x21) {
      at++;
      continue;
    }
    const isControl = byte(at + 1) === 0xf9 && byte(at + 2) >= 4;
    if (isControl) {
      transparent = (byte(at + 3) & 1) === 1 ? byte(at + 6) : undefined;
      view.setUint8(at + 3, byte(at + 3) & ~1);
    }
    for (at += 2; byte(at) > 0; at += byte(at) + 1);
    at++;
  }
  byte(at + 9);
  const [left, top, width, height] = [1, 3, 5, 7].map((offset) => view.getUint16(at + offset, true)) as [
    number,
    number,
    number,
    number,
  ];
  const palette = paletteAt(byte(at + 9), at + 10) ?? shared;
  if (!palette) throw new Error('it has no palette');
  assertSize(Math.max(view.getUint16(6, true), left + width), Math.max(view.getUint16(8, true), top + height));
  const colour = palette.at + (transparent ?? 0) * 3;
  const known = (transparent ?? 0) * 3 < palette.size;
  return { left, top, width, height, background: known ? [0, 1, 2].map((c) => byte(colour + c)) : [0, 0, 0] };
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
