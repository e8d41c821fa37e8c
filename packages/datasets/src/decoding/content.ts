/**
 * What a file is, by its first bytes: how it is called does not matter. A PNG called .jpg is a PNG; what is not a
 * picture of a data set is refused as what it is, since "unsupported" would leave people to guess.
 */

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'bmp' | 'pnm' | 'avif';

const convert = 'convert it to JPEG or PNG';
const rawPhotograph = `a raw photograph; ${convert}`;
const crushed = `a PNG of Apple's own kind (CgBI), as Xcode packs it into apps, which is not read; ${convert}`;
const drawing = 'an SVG drawing: it has no pixels of its own';
const answer = 'as a web server answers where an image is missing';

/** What is met under the names of images, by the bytes (hexadecimal) that it begins with, and what to do about it. */
const others: readonly (readonly [start: string, what: string])[] = [
  ['25504446', 'a PDF document'],
  ['25215053', 'a PostScript drawing'],
  ['c5d0d3c6', 'a PostScript drawing'],
  ['38425053', `a Photoshop document; ${convert}`],
  ['0000000c6a502020', `a JPEG 2000 image; ${convert}`],
  ['ff4fff51', `a JPEG 2000 image; ${convert}`],
  ['0000000c4a584c20', `a JPEG XL image; ${convert}`],
  ['ff0a', `a JPEG XL image; ${convert}`],
  ['00000100', `a Windows icon; ${convert}`],
  ['69636e73', `a macOS icon; ${convert}`],
  ['762f3101', `an OpenEXR image; ${convert}`],
  ['233f5241', `a Radiance HDR image; ${convert}`],
  ['44445320', `a DirectDraw texture; ${convert}`],
  ['716f6966', `a QOI image; ${convert}`],
  ['67696d7020786366', `a GIMP document; ${convert}`],
  ['46554a4946494c4d', rawPhotograph],
  ['50370a', `a PAM image; ${convert}`],
  ['50460a', `a PFM image; ${convert}`],
  ['50660a', `a PFM image; ${convert}`],
  ['1a45dfa3', 'a video (Matroska or WebM)'],
  ['000001ba', 'a video (MPEG)'],
  ['464c56', 'a video (Flash)'],
  ['504b0304', 'a ZIP archive; unpack it'],
  ['1f8b', 'gzip-compressed data; unpack it'],
  ['425a68', 'bzip2-compressed data; unpack it'],
  ['fd377a585a00', 'xz-compressed data; unpack it'],
  ['28b52ffd', 'Zstandard-compressed data; unpack it'],
  ['377abcaf271c', 'a 7-Zip archive; unpack it'],
  ['526172211a07', 'a RAR archive; unpack it'],
  ['00051607', "macOS's notes about another file (AppleDouble); delete it"],
  ['894844460d0a', 'an HDF5 file'],
  ['934e554d5059', 'a NumPy array'],
  ['53514c697465', 'a SQLite database'],
  ['d0cf11e0', "a document or a thumbnail cache of Windows (Thumbs.db); it doesn't belong here"],
];

/** Bytes that are looked at to tell what a text is. */
const LOOK = 4096;

const latin1 = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** @throws Error that says what the bytes are, where they are not an image that can be read */
export function formatOf(bytes: Uint8Array): ImageFormat {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return 'jpeg';
  const start = latin1(bytes, 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return latin1(bytes, 12, 16) === 'CgBI' ? refuse(crushed) : 'png';
  if (isRiff(start, 'WEBP')) return 'webp';
  if (/^GIF8[79]a/.test(start)) return 'gif';
  if (['II*\0', 'II+\0', 'MM\0*', 'MM\0+'].includes(start.slice(0, 4)))
    return latin1(bytes, 8, 10) === 'CR' ? refuse(rawPhotograph) : 'tiff';
  if (start.startsWith('BM') && isBmpHeader(bytes)) return 'bmp';
  if (/^P[1-6][\s#]/.test(start)) return 'pnm';
  if (start.slice(4, 8) === 'ftyp') return isoMedia(bytes);
  return refuse(contentOf(bytes));
}

function refuse(what: string): never {
  throw new Error(`it is ${what}`);
}

const isRiff = (start: string, kind: string) => start.startsWith('RIFF') && start.slice(8) === kind;

/** The size of the header behind the file's own 14 bytes: text may begin with BM too. */
function isBmpHeader(bytes: Uint8Array): boolean {
  return bytes.length >= 18 && bytes[15] === 0 && bytes[16] === 0 && bytes[17] === 0;
}

/** HEIF's family tells its members by brands: the first eight bytes' box lists them. */
function isoMedia(bytes: Uint8Array): ImageFormat {
  const size = Math.min(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), 256);
  const brands = latin1(bytes, 8, size).match(/.{4}/gs) ?? [];
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return 'avif';
  if (brands.some((brand) => /^(hei|hev|mif1|msf1)/.test(brand)))
    return refuse(`a HEIC image, as phones take them, which is not read; ${convert}`);
  if (brands[0] === 'crx ') return refuse(rawPhotograph);
  return refuse(`a video or sound (of the brand '${printable(brands[0] ?? '')}')`);
}

/** What the bytes are, where they are not an image that can be read, as words that follow "it is". */
export function contentOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  if (bytes.every((byte) => byte === 0)) return `${bytes.length} zero bytes, as an interrupted copy leaves them`;
  const hex = Buffer.from(bytes.subarray(0, 16)).toString('hex');
  const known = others.find(([prefix]) => hex.startsWith(prefix));
  if (known) return known[1];
  if (isRiff(latin1(bytes, 0, 12), 'AVI ')) return 'a video (AVI)';
  if (latin1(bytes, 128, 132) === 'DICM') return `a DICOM image; ${convert}`;
  if (latin1(bytes, 257, 262) === 'ustar') return 'a tar archive; unpack it';
  return describeText(bytes) ?? `of no known format; its first bytes are ${hex.slice(0, 16)}`;
}

function describeText(bytes: Uint8Array): string | undefined {
  const text = textOf(bytes)?.trimStart();
  if (text === undefined) return undefined;
  if (text === '') return 'nothing but white space';
  const tags = text
    .toLowerCase()
    .replace(/<!--.*?-->/gs, '')
    .trimStart();
  if (/^(<\?xml.*)?<(svg|!doctype svg)/s.test(tags)) return drawing;
  if (/^<(!doctype html|html|head|body|script|title|meta|center|h1)\b/.test(tags)) return `an HTML page, ${answer}`;
  if (tags.startsWith('<?xml')) return `an XML document, ${answer}`;
  if (tags.startsWith('version https://git-lfs')) return "a pointer of Git LFS; 'git lfs pull' fetches the image";
  return `text that begins '${printable(text.slice(0, 40))}'`;
}

/** The beginning of a text, or undefined for bytes that are none. */
function textOf(bytes: Uint8Array): string | undefined {
  const start = bytes.subarray(0, LOOK);
  const mark = latin1(start, 0, 2);
  const encoding = mark === '\xff\xfe' ? 'utf-16le' : mark === '\xfe\xff' ? 'utf-16be' : 'utf-8';
  const text = new TextDecoder(encoding).decode(start);
  // A character may be cut off at the end; elsewhere, what is not a character in this encoding is not text.
  return [...text.slice(0, -1)].every(isReadable) ? text : undefined;
}

const isReadable = (character: string) =>
  (character >= ' ' && character !== '\ufffd') || /[\t\n\v\f\r]/.test(character);

const printable = (text: string) => text.replace(/[^ -~]+/g, ' ').trim();
