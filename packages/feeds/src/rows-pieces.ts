import type { RowsPart } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { Rows } from '@mcld/platform/rows.js';
import { type Piece, piecesOf } from './pieces.js';
import { StreamError } from './stream-error.js';

/** A piece of an array of rows, as the teacher's messages carry it. */
export interface RowsMessage {
  readonly part: RowsPart | undefined;
  readonly values: Uint8Array;
}

/** Cuts rows into what messages carry, without copies. */
export function* rowsMessages(rows: Rows): Generator<{ readonly part: RowsPart; readonly values: Uint8Array }> {
  const { count, width } = rows;
  for (const { bytes, totalBytes, offset } of piecesOf(rows.bytes)) {
    yield { part: { count, width, totalBytes, offset }, values: bytes };
  }
}

export const rowsPieceOf = ({ part, values }: RowsMessage): Piece | undefined => part && { ...part, bytes: values };

/** @throws StreamError where an array is not of the shape that its message says */
export function rowsOf(bytes: Uint8Array, { part }: RowsMessage): Rows {
  const { count = 0, width = 0 } = part ?? {};
  if (width < 1 || bytes.length !== count * width * Float32Array.BYTES_PER_ELEMENT) {
    throw new StreamError(`${bytes.length} bytes came for ${count} rows of ${width} float32 values`);
  }
  return Rows.ofBytes(bytes, width);
}
