import { createHash } from 'node:crypto';

/** Stored logits of one teacher for views of one data set. */
export interface Segment {
  /** What computed them; may differ in the last bits between machines. */
  readonly identity: string;
  readonly classes: number;
  readonly index: Uint32Array;
  readonly code: Uint32Array;
  /** float32 [rows, classes]. */
  readonly logits: Float32Array;
}

/** Thrown for bytes that are no whole segment. */
export class SegmentError extends Error {
  override readonly name = 'SegmentError';
}

const MAGIC = 'MCLDLGT1';
const DIGEST_BYTES = 32;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/**
 * Layout, little-endian: magic (8), header length (4), JSON header, indices uint32[rows], codes
 * uint32[rows], logits float32[rows × classes], sha256 of all before it. The header is padded to 4.
 */
export function encodeSegment({ identity, classes, index, code, logits }: Segment): Uint8Array {
  const json = JSON.stringify({ identity, classes, rows: index.length });
  const header = Buffer.from(json.padEnd(Math.ceil(Buffer.byteLength(json) / 4) * 4));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const body = Buffer.concat([Buffer.from(MAGIC), length, header, bytesOf(index), bytesOf(code), bytesOf(logits)]);
  return Buffer.concat([body, sha256(body)]);
}

/** @throws SegmentError saying what does not hold */
export function decodeSegment(file: Uint8Array): Segment {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 12 + DIGEST_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw new SegmentError('no logit segment');
  const body = bytes.subarray(0, -DIGEST_BYTES);
  if (!sha256(body).equals(bytes.subarray(-DIGEST_BYTES))) throw new SegmentError('sha256 does not match: damaged');
  const end = 12 + bytes.readUInt32LE(8);
  const { identity, classes, rows } = JSON.parse(body.toString('utf8', 12, end)) as {
    identity: string;
    classes: number;
    rows: number;
  };
  if (body.length !== end + rows * (8 + 4 * classes))
    throw new SegmentError(`${body.length} bytes do not hold ${rows} rows`);
  const data = body.buffer.slice(body.byteOffset + end, body.byteOffset + body.length);
  return {
    identity,
    classes,
    index: new Uint32Array(data, 0, rows),
    code: new Uint32Array(data, rows * 4, rows),
    logits: new Float32Array(data, rows * 8, rows * classes),
  };
}

function bytesOf(array: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
