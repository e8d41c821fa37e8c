import { statSync } from 'node:fs';
import { messageOf } from '@mcld/errors/text.js';
import { mapFile } from '@mcld/native/mapped-file.js';
import { addressOf } from '@mcld/native/rows.js';
import { checkWords } from './checksum.js';
import { decodeHeader, HEADER_BYTES, SegmentError, type SegmentHeader } from './segment-header.js';

/** 32-bit words of a key. */
export const KEY_WORDS = 4;

/** The checksum of a key, from its first three words. */
export function checkKey(index: number, code: number, row: number): number {
  return Math.imul(Math.imul(index ^ 0x27d4eb2f, 0x9e3779b1) ^ code, 0x85ebca77) ^ Math.imul(row, 0xc2b2ae3d);
}

/** Fills one key. */
export function writeKey(keys: Int32Array, at: number, index: number, code: number, row: number): void {
  keys[at] = index;
  keys[at + 1] = code;
  keys[at + 2] = row;
  keys[at + 3] = checkKey(index | 0, code | 0, row);
}

/**
 * A segment's rows for reading. A segment is two files. `<name>.keys`: a header (segment-header.ts), then 16 bytes a
 * row: image, view code, checksum of the row, checksum of these three. `<name>.rows`: the rows, one after another, each
 * with its checksum behind it (there, since to look for it elsewhere would be one more wait for memory). A row is
 * written before its key, so a key whose checksum is right names a row that was written; both only grow.
 */
export class Segment {
  /** Of the first row. */
  readonly address: number;

  private constructor(
    readonly name: string,
    readonly header: SegmentHeader,
    /** KEY_WORDS words each. */
    readonly keys: Int32Array,
    /** The mapped rows; they may reach beyond what the keys name. */
    readonly rows: Int32Array,
    /** How many keys at the beginning are right. */
    readonly count: number,
  ) {
    this.address = rows.length > 0 ? addressOf(rows) : 0;
  }

  /**
   * Opens a segment's files; a torn tail (a key that is cut off or was never finished) is not part of it.
   * @param file path without ending @throws SegmentError, DocumentError
   */
  static open(name: string, file: string): Segment {
    const bytes = map(`${file}.keys`);
    const header = decodeHeader(Buffer.from(bytes, 0, Math.min(HEADER_BYTES, bytes.byteLength)));
    const whole = Math.floor((bytes.byteLength - HEADER_BYTES) / (KEY_WORDS * 4));
    const keys = new Int32Array(bytes, HEADER_BYTES, whole * KEY_WORDS);
    const wholeRows = Math.floor((statSync(`${file}.rows`, { throwIfNoEntry: false })?.size ?? 0) / (header.words * 4));
    const count = Math.min(rightKeys(keys), wholeRows);
    const rows = count > 0 ? new Int32Array(map(`${file}.rows`), 0, count * header.words) : new Int32Array();
    return new Segment(name, header, keys, rows, count);
  }

  /** A segment that is still written to; see SegmentWriter. */
  static growing(name: string, header: SegmentHeader, keys: Int32Array, rows: Int32Array): Segment {
    return new Segment(name, header, keys, rows, 0);
  }

  /** Whether a row holds what its key says. */
  isRight(row: number): boolean {
    const at = row * KEY_WORDS;
    const { keys } = this;
    const { words } = this.header;
    const check = checkWords(this.rows, row * words, words - 1, keys[at] ?? 0, keys[at + 1] ?? 0);
    return check === keys[at + 2] && check === this.rows[(row + 1) * words - 1];
  }
}

function map(file: string): ArrayBuffer {
  try {
    return mapFile(file);
  } catch (error) {
    throw new SegmentError(messageOf(error), { cause: error });
  }
}

/** Keys up to the first that is not right: only the end of a file can be torn. */
function rightKeys(keys: Int32Array): number {
  for (let at = 0; at < keys.length; at += KEY_WORDS) {
    const check = checkKey(keys[at] ?? 0, keys[at + 1] ?? 0, keys[at + 2] ?? 0);
    if (check !== keys[at + 3]) return at / KEY_WORDS;
  }
  return keys.length / KEY_WORDS;
}
