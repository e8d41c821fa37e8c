import { isUtf8 } from 'node:buffer';
import { clipped } from '@mcld/errors/text.js';

/** A half of a surrogate pair alone, which no valid text has. */
const LONE = /\p{Surrogate}/u;

const LONES_AND_CONTROLS = /[\p{Surrogate}\p{Control}]/gu;

/** Characters of a name that a message shows. */
const SHOWN = 200;

/**
 * The name of a file as a string. Names are bytes, and not all of them are UTF-8: old zips and disks hold Latin-1. A
 * byte that is none becomes the lone surrogate U+DC00 + byte, as in Python's `os.fsdecode`: nothing is lost, and names
 * sort as there.
 */
export function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.readUInt8(at);
    const length = sequenceLength(first);
    const sequence = bytes.subarray(at, at + length);
    const isWhole = length > 0 && sequence.length === length && isUtf8(sequence);
    name += isWhole ? sequence.toString() : String.fromCharCode(0xdc00 + first);
    at += isWhole ? length : 1;
  }
  return name;
}

/** Bytes of a character in UTF-8, by its first; 0 for one that begins none. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** What to give the file system for a path of such names: the bytes where a string would not do. */
export function addressOf(path: string): string | Buffer {
  if (!LONE.test(path)) return path;
  return Buffer.concat(Array.from(path, (c) => (LONE.test(c) ? Buffer.of(c.charCodeAt(0) & 0xff) : Buffer.from(c))));
}

/** A name or path as valid text on one line: bytes that are not UTF-8, and control characters, as `\xe9`. */
export const readable = (name: string): string =>
  name.replace(LONES_AND_CONTROLS, (c) => `\\x${(c.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`);

/** The same, of bounded length: the middle of a very long path is left out. */
export const shownPath = (path: string): string => clipped(readable(path), SHOWN, 'ends');

/** Python's `sorted`: by code points, where JavaScript's `<` compares UTF-16 units, and emoji come before U+E000. */
export function byCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);
  }
  return a.length - b.length;
}

/** One form for names that look alike: macOS takes `é` apart (NFD), others do not (NFC). */
export const composed = (name: string): string => name.normalize('NFC');

/** Tells apart what looks alike: all but ASCII as `\u00e9`. */
export const spelledOut = (name: string): string =>
  readable(name).replace(/[^ -~]/gu, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
