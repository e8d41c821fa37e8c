import type { Notes } from './orientation.js';

const EXIF = Buffer.from('Exif\0\0', 'latin1');
const XMP = Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1');

/**
 * EXIF and XMP out of a JPEG's segments; EXIF in several of them is put together, of several XMPs the last one counts.
 */
export function jpegNotes(jpeg: Uint8Array): Notes {
  const exif: Uint8Array[] = [];
  let xmp: Uint8Array | undefined;
  for (const data of applicationSegments(jpeg)) {
    if (startsWith(data, EXIF)) exif.push(data.subarray(EXIF.length));
    else if (startsWith(data, XMP)) xmp = data.subarray(XMP.length);
  }
  return { exif: exif.length > 1 ? Buffer.concat(exif) : exif[0], xmp };
}

/** What is in the APP1 segments before the first scan. */
function* applicationSegments(jpeg: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.length);
  let at = 2;
  while (at + 4 <= jpeg.length) {
    const marker = view.getUint8(at + 1);
    // Stuffing between segments, and markers that stand alone.
    if (view.getUint8(at) !== 0xff || marker === 0xff) at++;
    else if (marker === 0 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else {
      const end = at + 2 + view.getUint16(at + 2);
      if (marker === 0xda || marker === 0xd9 || end < at + 4) return;
      if (marker === 0xe1) yield jpeg.subarray(at + 4, end);
      at = end;
    }
  }
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array) => prefix.every((byte, i) => bytes[i] === byte);
