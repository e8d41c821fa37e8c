/** float32 [count, width], row-major: what a teacher's output says of `count` views, a row each. */
export class Rows implements Iterable<Float32Array<ArrayBuffer>> {
  /** @throws RangeError where the values do not make up whole rows */
  constructor(
    readonly values: Float32Array<ArrayBuffer>,
    readonly width: number,
  ) {
    if (!(width >= 1) || values.length % width !== 0) {
      throw new RangeError(`${values.length} values do not make up rows of ${width}`);
    }
  }

  static zeros(count: number, width: number): Rows {
    return new Rows(new Float32Array(count * width), width);
  }

  /** @param bytes see `float32Of` @throws RangeError where they do not make up whole rows */
  static ofBytes(bytes: Uint8Array, width: number): Rows {
    return new Rows(float32Of(bytes), width);
  }

  get count(): number {
    return this.values.length / this.width;
  }

  /** All values, little-endian, as they lie there. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.values;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  /** A view of one row. */
  row(i: number): Float32Array<ArrayBuffer> {
    return this.values.subarray(i * this.width, (i + 1) * this.width);
  }

  /** Copies a row to its place. */
  set(i: number, row: Float32Array): void {
    this.values.set(row, i * this.width);
  }

  *[Symbol.iterator](): Generator<Float32Array<ArrayBuffer>> {
    for (let i = 0; i < this.count; i++) yield this.row(i);
  }
}

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Little-endian bytes as float32: a view of them, or a copy where they are not aligned. @throws RangeError */
export function float32Of(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  if (length % BYTES !== 0) throw new RangeError(`${length} bytes do not make up float32 values`);
  if (buffer instanceof ArrayBuffer && byteOffset % BYTES === 0)
    return new Float32Array(buffer, byteOffset, length / BYTES);
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
