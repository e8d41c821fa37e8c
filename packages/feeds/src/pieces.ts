/** Arrays that are larger than a message, cut into pieces and put together again. */
import { MAX_ARRAY_BYTES, PIECE_BYTES } from './limits.js';
import { StreamError } from './stream-error.js';

/** A piece of an array, as a message carries it. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** Length of the whole array, and where the piece begins in it. */
  readonly totalBytes: number;
  readonly offset: number;
}

/** Cuts an array into views, without copies; an empty array is one empty piece. */
export function* piecesOf(array: Uint8Array): Generator<Piece> {
  const totalBytes = array.byteLength;
  let offset = 0;
  do {
    const length = Math.min(PIECE_BYTES, totalBytes - offset);
    yield { bytes: array.subarray(offset, offset + length), totalBytes, offset };
    offset += length;
  } while (offset < totalBytes);
}

/** From here on Node gives a message a buffer of its own; its pool is of 8 KiB. */
const OWN_BUFFER = 1 << 16;

const isUnshared = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer;

/** Puts the pieces of one array after another together. */
class Assembly {
  #array: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  /** @param most bytes: bounds what a sender can make us allocate */
  constructor(readonly most: number) {}

  get isBegun(): boolean {
    return this.#array !== undefined;
  }

  get filled(): number {
    return this.#filled;
  }

  /** @returns the whole array with its last piece, else undefined @throws StreamError */
  add({ bytes, totalBytes, offset }: Piece): Uint8Array<ArrayBuffer> | undefined {
    if (totalBytes > this.most) {
      throw new StreamError(`an array of ${totalBytes} bytes came; at most ${this.most} are taken`);
    }
    // Small messages share buffers: what is handed on must be alone in its own.
    const isWhole = !this.#array && offset === 0 && bytes.length === totalBytes;
    if (isWhole && totalBytes > OWN_BUFFER && isUnshared(bytes)) return bytes;
    // Without zeros, since every byte is written.
    this.#array ??= new Uint8Array(Buffer.allocUnsafeSlow(totalBytes).buffer);
    const { length } = this.#array;
    if (offset !== this.#filled || offset + bytes.length > length || totalBytes !== length) {
      const piece = `a piece of ${bytes.length} bytes at ${offset} of ${totalBytes}`;
      throw new StreamError(`${piece} came; expected one at ${this.#filled} of ${length}`);
    }
    this.#array.set(bytes, offset);
    this.#filled += bytes.length;
    if (this.#filled < length) return undefined;
    const whole = this.#array;
    this.#array = undefined;
    this.#filled = 0;
    return whole;
  }
}

/**
 * The arrays of a stream of pieces, in order: the one place where pieces are put together.
 * @param pieceOf the piece that a message carries; undefined where it carries none
 * @param make makes an item of an array and the message of its first piece. The array is alone in its buffer, or in
 * that of the one message that carried it, which nobody else holds.
 * @param most bytes of an array
 * @throws StreamError for a message without a piece, for pieces that are out of order or too many, and for a stream
 * that ends within an array
 */
export async function* wholeArrays<Message, T>(
  messages: AsyncIterable<Message>,
  pieceOf: (message: Message) => Piece | undefined,
  make: (bytes: Uint8Array<ArrayBuffer>, head: Message) => T,
  most = MAX_ARRAY_BYTES,
): AsyncGenerator<T> {
  const assembly = new Assembly(most);
  let head: Message | undefined;
  for await (const message of messages) {
    const piece = pieceOf(message);
    if (!piece) throw new StreamError('a message came without a piece of an array');
    if (!assembly.isBegun) head = message;
    const bytes = assembly.add(piece);
    if (bytes) yield make(bytes, head ?? message);
  }
  if (assembly.isBegun) throw new StreamError(`the stream ended after ${assembly.filled} bytes of an array`);
}

/**
 * What is made of the only array of a stream, which is read to its end.
 * @throws StreamError as `wholeArrays`, and where the stream has none or several
 */
export async function onlyArray<Message, T extends object>(
  messages: AsyncIterable<Message>,
  pieceOf: (message: Message) => Piece | undefined,
  make: (bytes: Uint8Array<ArrayBuffer>, head: Message) => T,
): Promise<T> {
  let only: T | undefined;
  for await (const item of wholeArrays(messages, pieceOf, make)) {
    if (only) throw new StreamError('a second array came; expected one');
    only = item;
  }
  if (!only) throw new StreamError('the stream ended without an array');
  return only;
}
