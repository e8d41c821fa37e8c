import { inflateSync } from 'node:zlib';
import type { Notes } from './orientation.js';

/** Bytes of a compressed text that are unpacked. */
const MAX_TEXT = 1 << 20;

const XMP = 'XML:com.adobe.xmp';
/** ImageMagick's, from before PNG had a chunk for EXIF: hexadecimal digits below three lines of heading. */
const RAW_EXIF = 'Raw profile type exif';

/** Whether a PNG is of the colour type that is grey without alpha. */
export const isPlainGrey = (png: Uint8Array): boolean => png[25] === 0;

/** EXIF and XMP out of a PNG's chunks; those behind the pixels count too, since exiftool writes them there. */
export function pngNotes(png: Uint8Array): Notes {
  let exif: Uint8Array | undefined;
  // Only the last text of a kind is unpacked, however many there are.
  const texts = new Map<string, readonly [type: string, data: Uint8Array]>();
  for (const [type, data] of chunks(png)) {
    if (type === 'eXIf') exif = data;
    else if (/^[tzi][TE]Xt$/.test(type)) {
      const end = data.indexOf(0);
      const key = Buffer.from(data.subarray(0, Math.max(end, 0))).toString('latin1');
      if (key === XMP || key === RAW_EXIF) texts.set(key, [type, data.subarray(end + 1)]);
    }
  }
  const [xmp, raw] = [XMP, RAW_EXIF].map((key) => textOf(...(texts.get(key) ?? ['tEXt', new Uint8Array()])));
  return { exif: exif ?? (raw?.length ? fromDigits(raw) : undefined), xmp };
}

const fromDigits = (text: Buffer) => Buffer.from(text.toString('latin1').split('\n').slice(3).join(''), 'hex');

function* chunks(png: Uint8Array): Generator<readonly [type: string, data: Uint8Array]> {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  for (let at = 8; at + 12 <= png.length; ) {
    const size = view.getUint32(at);
    yield [Buffer.from(png.subarray(at + 4, at + 8)).toString('latin1'), png.subarray(at + 8, at + 8 + size)];
    at += 12 + size;
  }
}

/** @param data what follows the key */
function textOf(type: string, data: Uint8Array): Buffer {
  if (type === 'tEXt') return Buffer.from(data);
  if (type === 'zTXt') return unpacked(data.subarray(1));
  // A flag for compression, its method, a language and the key in it.
  const text = data.subarray(data.indexOf(0, data.indexOf(0, 2) + 1) + 1);
  return data[0] === 0 ? Buffer.from(text) : unpacked(text);
}

function unpacked(bytes: Uint8Array): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_TEXT });
  } catch {
    return Buffer.alloc(0);
  }
}
