import { createHash } from 'node:crypto';
import { McldError } from '@mcld/errors/mcld-error.js';
import { parseDocument } from '@mcld/platform/documents.js';
import { z } from 'zod';

/** Thrown for a file that is not a segment. */
export class SegmentError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'SEGMENT' } as const;
}

/** `classes` is what the width of a row is called there: the first segments were of logits alone. */
const schema = z
  .object({
    format: z.literal(1),
    teacher: z.string(),
    data: z.string(),
    classes: z.int().min(1),
    precision: z.string(),
    identity: z.string(),
    words: z.int().min(2),
  })
  .transform(({ classes: width, ...rest }) => ({ ...rest, width }));

/** What all rows of a segment have in common. */
export interface SegmentHeader {
  readonly format: 1;
  readonly teacher: string;
  readonly data: string;
  /** Values of a row. */
  readonly width: number;
  readonly precision: string;
  /** What computed them: rows of another may differ in the last bits. */
  readonly identity: string;
  /** 32-bit words of a row; the last is its checksum. */
  readonly words: number;
}

/** A header: magic, length of the JSON, the JSON, zeros, and the sha256 of all that in its last bytes. */
const MAGIC = 'MCLDSEG1';
export const HEADER_BYTES = 1024;
const DIGEST_BYTES = 32;
const JSON_AT = 12;

/** @throws SegmentError for one that does not fit */
export function encodeHeader({ format, teacher, data, width: classes, ...rest }: SegmentHeader): Buffer {
  const { precision, identity, words } = rest;
  const json = Buffer.from(JSON.stringify({ format, teacher, data, classes, precision, identity, words }));
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
  return parseDocument('its header', json, schema);
}
