import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { mapFile } from '@mcld/native/mapped-file.js';
import { addressOf } from '@mcld/native/rows.js';
import { parseDocument } from '@mcld/platform/documents.js';
import { z } from 'zod';
import { checkWords } from './checksum.js';

const headerSchema = z.object({
  format: z.literal(1),
  teacher: z.string(),
  data: z.string(),
  classes: z.int().min(1),
  precision: z.string(),
  /** What computed them: rows of another may differ in the last bits. */
  identity: z.string(),
  /** 32-bit words of a row; the last is its checksum. */
  words: z.int().min(1),
});

/** What all rows of a segment have in common. */
export type SegmentHeader = Readonly<z.output<typeof headerSchema>>;

/** Thrown for a file that is not a segment. */
export class SegmentError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'SEGMENT' } as const;
}

/**
 * A segment is two files. `<name>.keys`: a header of 1,024 bytes (magic, length, JSON, sha256 at its end), then 16 bytes
 * a row: image, view code, checksum of the row, checksum of these three. `<name>.rows`: the rows, one after another, each with
 * its checksum behind it (there, since to look for it elsewhere would be one more wait for memory). A row is written before its key, so a key whose checksum is right names a row that was written; both only grow.
 */
const MAGIC = 'MCLDSEG1';
export const HEADER_BYTES = 1024;
const DIGEST_BYTES = 32;
const JSON_AT = 12;

/** 32-bit words of a key. */
export const KEY_WORDS = 4;

export function encodeHeader(header: SegmentHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(HEADER_BYTES);
  if (json.length > HEADER_BYTES - JSON_AT - DIGEST_BYTES) throw new SegmentError('the header does not fit');
  bytes.write(MAGIC, 'latin1');
  bytes.writeUInt32LE(json.length, MAGIC.length);
  json.copy(bytes, JSON_AT);
  digestOf(bytes).copy(bytes, HEADER_BYTES - DIGEST_BYTES);
  return bytes;
}

const digestOf = (bytes: Buffer): Buffer =>
  createHash('sha256')
    .update(bytes.subarray(0, HEADER_BYTES - DIGEST_BYTES))
    .digest();

/** @throws SegmentError, DocumentError */
export function decodeHeader(bytes: Buffer): SegmentHeader {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new SegmentError('it does not begin as a segment does');
  }
  if (!digestOf(bytes).equals(bytes.subarray(HEADER_BYTES - DIGEST_BYTES, HEADER_BYTES))) {
    throw new SegmentError('the sha256 of its header (byte 992) does not match');
  }
  const json = bytes.subarray(JSON_AT, JSON_AT + bytes.readUInt32LE(MAGIC.length));
  return parseDocument('its header', json, headerSchema);
}

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

/** A segment's rows for reading. */
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
    const held = Math.floor((statSync(`${file}.rows`, { throwIfNoEntry: false })?.size ?? 0) / (header.words * 4));
    const count = Math.min(rightKeys(keys), held);
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
