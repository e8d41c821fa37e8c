import { addon } from './addon.js';

/** Where an array's bytes are. It is good for as long as the array is held. */
export const addressOf = (array: Int32Array): number => addon().addressOf(array);

/** Rows to be copied out of mapped files, one a view. */
export interface WantedRows {
  /**
   * Where each row is (`addressOf` its array and 4 bytes a word), 0 for none: it must be a whole row of an array that
   * is held.
   */
  readonly addresses: Float64Array;
  readonly index: Uint32Array;
  readonly code: Uint32Array;
}

/**
 * Copies rows and checks them on the way: each ends in a checksum over its view and its words, as
 * packages/logit-store/src/checksum.ts defines it.
 * @param words of a row, without its checksum
 * @param out takes as many for each view
 * @returns 1 for each row that exists and whose checksum is right
 */
export function readRows({ addresses, index, code }: WantedRows, words: number, out: Int32Array): Uint8Array {
  const right = new Uint8Array(addresses.length);
  if (index.length !== right.length || code.length !== right.length || out.length < right.length * words) {
    throw new RangeError(`${right.length} rows of ${words} words`);
  }
  addon().readRows(addresses, words, index, code, out, right);
  return right;
}
