/** Pieces of large arrays: a message stays under gRPC's customary limit of 4 MiB. */
export const CHUNK_BYTES = 2 * 1024 * 1024;

export interface Chunk {
  readonly bytes: Buffer;
  readonly totalBytes: number;
  readonly offset: number;
}

/** Cuts an array into views, without copies; an empty array is one empty piece. */
export function* chunks(array: Uint8Array): Generator<Chunk> {
  const totalBytes = array.byteLength;
  let offset = 0;
  do {
    const length = Math.min(CHUNK_BYTES, totalBytes - offset);
    yield { bytes: Buffer.from(array.buffer, array.byteOffset + offset, length), totalBytes, offset };
    offset += length;
  } while (offset < totalBytes);
}

/** Thrown when pieces do not make up the array that they announced. */
export class ChunkError extends Error {
  override readonly name = 'ChunkError';
}

/** Puts pieces together; `limit` bounds what a sender can make us allocate. */
export class Assembly {
  #array: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(readonly limit: number) {}

  /** @returns the whole array with its last piece, else undefined. @throws ChunkError */
  add({ bytes, totalBytes, offset }: Chunk): Uint8Array<ArrayBuffer> | undefined {
    if (totalBytes > this.limit)
      throw new ChunkError(`an array of ${totalBytes} bytes, at most ${this.limit} are taken`);
    this.#array ??= new Uint8Array(totalBytes);
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
