import { McldError } from '@mcld/errors/mcld-error.js';
/** Pieces of large arrays: a message stays under gRPC's customary limit of 4 MiB. */
export const CHUNK_BYTES = 2 * 1024 * 1024;

/** Largest teacher that is taken over gRPC. */
export const MAX_TEACHER_BYTES = 1 << 30;

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly totalBytes: number;
  readonly offset: number;
}

/** Cuts an array into views, without copies; an empty array is one empty piece. */
export function* chunks(array: Uint8Array): Generator<Chunk> {
  const totalBytes = array.byteLength;
  let offset = 0;
  do {
    const length = Math.min(CHUNK_BYTES, totalBytes - offset);
    yield { bytes: array.subarray(offset, offset + length), totalBytes, offset };
    offset += length;
  } while (offset < totalBytes);
}

/** Thrown when pieces do not make up the array that they announced. */
export class ChunkError extends McldError {
  static override readonly meaning = { status: 'INTERNAL', reason: 'CHUNKS' } as const;
}

/** From here on Node gives a message a buffer of its own; its pool is of 8 KiB. */
const OWN_BUFFER = 1 << 16;

/** Little-endian bytes as float32, copied so that they are aligned. */
export function float32Of(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** Puts pieces together; `limit` bounds what a sender can make us allocate. */
export class Assembly {
  #array: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(readonly limit: number) {}

  /**
   * @returns the whole array with its last piece, else undefined; a large one that came in one piece is a view into its
   * message, which nobody else holds
   * @throws ChunkError
   */
  add({ bytes, totalBytes, offset }: Chunk): Uint8Array<ArrayBuffer> | undefined {
    if (totalBytes > this.limit)
      throw new ChunkError(`an array of ${totalBytes} bytes, at most ${this.limit} are taken`);
    const isAlone = this.#array === undefined && bytes.length === totalBytes && offset === 0;
    // Small messages share buffers: what is handed on must be alone in its own.
    if (isAlone && totalBytes > OWN_BUFFER) return bytes as Uint8Array<ArrayBuffer>;
    // Without zeros, since every byte is written.
    this.#array ??= new Uint8Array(Buffer.allocUnsafeSlow(totalBytes).buffer) as Uint8Array<ArrayBuffer>;
    if (offset !== this.#filled || offset + bytes.length > this.#array.length || totalBytes !== this.#array.length) {
      throw new ChunkError(`a piece at ${offset} of ${totalBytes} bytes, expected one at ${this.#filled}`);
    }
    this.#array.set(bytes, offset);
    this.#filled += bytes.length;
    if (this.#filled < this.#array.length) return undefined;
    const whole = this.#array;
    this.#array = undefined;
    this.#filled = 0;
    return whole;
  }
}
