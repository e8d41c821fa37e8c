/** A floating-point format as it lies in files, little-endian. */
export interface FloatFormat {
  readonly bytes: number;
  read(view: DataView, byte: number): number;
}

/** By their names in safetensors. */
export const floatFormats = {
  F64: { bytes: 8, read: (view: DataView, byte: number) => view.getFloat64(byte, true) },
  F32: { bytes: 4, read: (view: DataView, byte: number) => view.getFloat32(byte, true) },
  F16: { bytes: 2, read: (view: DataView, byte: number) => half(view.getUint16(byte, true)) },
  BF16: { bytes: 2, read: bfloat16 },
} as const satisfies Record<string, FloatFormat>;

/** Numbers of a file, read as float32. */
export interface FloatReader {
  at(index: number): number;
  /** A copy of `count` numbers from `from` on. */
  read(from: number, count: number): Float32Array;
}

export function toFloat32(format: FloatFormat, bytes: Uint8Array): FloatReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (index: number) => format.read(view, index * format.bytes);
  return {
    at,
    read(from, count) {
      // A copy is aligned, and the file's buffer can go. (A Buffer's own slice would be no copy.)
      if (format === floatFormats.F32)
        return new Float32Array(new Uint8Array(bytes.subarray(4 * from, 4 * (from + count))).buffer);
      return Float32Array.from({ length: count }, (_, i) => at(from + i));
    },
  };
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

const word = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function bfloat16(view: DataView, byte: number): number {
  word.setUint32(0, view.getUint16(byte, true) << 16);
  return word.getFloat32(0);
}
