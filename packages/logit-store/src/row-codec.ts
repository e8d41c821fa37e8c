import { McldError } from '@mcld/errors/mcld-error.js';
import { Float16Array, setFloat16 } from '@petamoriken/float16';

/**
 * How logits are stored: `fp32` exactly; `fp16` rounded to half precision; `topk:N` the N greatest of a row as float32
 * and, for the others together, their share of the softmax. The last two are approximate, and reports say by how much.
 */
export type Precision = 'fp32' | 'fp16' | `topk:${number}`;

/** A row as 32-bit words. */
export interface RowCodec {
  readonly precision: Precision;
  /** Values of a row. */
  readonly width: number;
  /** How many of a row's values are kept, the greatest: all of them, or N of `topk:N`. */
  readonly kept: number;
  /** Words of a stored row. */
  readonly words: number;
  /** @param out takes `words` words from `at` on */
  encode(row: Float32Array, out: Int32Array, at: number): void;
  /** Words to float32 [width] at `to`. */
  decode(words: Int32Array, at: number, out: Float32Array, to: number): void;
}

/** Thrown for a precision that does not exist, or that keeps more values than a row has. */
export class PrecisionError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_PRECISION' } as const;
}

/** @param precision '' is fp32 @throws PrecisionError */
export function rowCodec(precision: string, width: number): RowCodec {
  if (precision === 'fp32' || precision === '') return exact(width);
  if (precision === 'fp16') return half(width);
  const count = Number(/^topk:(\d{1,5})$/.exec(precision)?.[1]);
  if (!(count >= 1)) throw new PrecisionError(`precision '${precision}': expected fp32, fp16 or topk:N`);
  if (count >= width)
    throw new PrecisionError(`precision ${precision}: a row has ${width} values, expected a smaller N`);
  return topK(count, width);
}

function exact(width: number): RowCodec {
  return {
    precision: 'fp32',
    width,
    kept: width,
    words: width,
    encode: (row, out, at) => out.set(new Int32Array(row.buffer, row.byteOffset, width), at),
    decode(words, at, out, to) {
      new Int32Array(out.buffer, out.byteOffset, out.length).set(words.subarray(at, at + width), to);
    },
  };
}

const viewOf = (array: Int32Array): DataView => new DataView(array.buffer, array.byteOffset, array.byteLength);

/** Beyond half precision's range the greatest finite value stays, so that no logit becomes infinite. */
const HALF_MOST = 65504;

/**
 * The value of every pattern of 16 bits: the package reads one number in 0.6 µs, which is 4 ms for a step of 64 × 100.
 */
const halves = (): Float32Array =>
  new Float32Array(new Float16Array(Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits).buffer));

function half(width: number): RowCodec {
  const values = halves();
  return {
    precision: 'fp16',
    width,
    kept: width,
    words: Math.ceil(width / 2),
    encode(row, out, at) {
      const view = viewOf(out);
      for (let i = 0; i < width; i++) {
        const value = Math.max(-HALF_MOST, Math.min(HALF_MOST, row[i] ?? 0));
        setFloat16(view, at * 4 + i * 2, value, true);
      }
    },
    decode(words, at, out, to) {
      const view = viewOf(words);
      for (let i = 0; i < width; i++) out[to + i] = values[view.getUint16(at * 4 + i * 2, true)] ?? Number.NaN;
    },
  };
}

/** Words: what each of the rest gets, then N values, then N places, two a word. */
function topK(count: number, width: number): RowCodec {
  const words = 1 + count + Math.ceil(count / 2);
  return {
    precision: `topk:${count}`,
    width,
    kept: count,
    words,
    encode(row, out, at) {
      const order = Uint32Array.from(row, (_, i) => i).sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b);
      const view = viewOf(out);
      view.setFloat32(at * 4, restOf(row, order.subarray(count)), true);
      for (const [i, place] of order.subarray(0, count).entries()) {
        view.setFloat32((at + 1 + i) * 4, row[place] ?? 0, true);
        view.setUint16((at + 1 + count) * 4 + i * 2, place, true);
      }
    },
    decode(stored, at, out, to) {
      const view = viewOf(stored);
      out.fill(view.getFloat32(at * 4, true), to, to + width);
      for (let i = 0; i < count; i++) {
        const place = view.getUint16((at + 1 + count) * 4 + i * 2, true);
        if (place < width) out[to + place] = view.getFloat32((at + 1 + i) * 4, true);
      }
    },
  };
}

/** The logit that, given to each of the rest, leaves their share of the softmax as it is. */
function restOf(row: Float32Array, rest: Uint32Array): number {
  const logits = Array.from(rest, (place) => row[place] ?? 0);
  const [most = 0] = logits;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum / rest.length);
}

/** KL(softmax(exact) ‖ softmax(stored)) in nats: what storing a row costs. */
export function divergence(exactRow: Float32Array, storedRow: Float32Array): number {
  const [p, q] = [logSoftmax(exactRow), logSoftmax(storedRow)];
  return Math.max(
    0,
    p.reduce((sum, log, i) => sum + Math.exp(log) * (log - (q[i] ?? 0)), 0),
  );
}

function logSoftmax(row: Float32Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b));
  const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
  return Float64Array.from(row, (value) => value - most - Math.log(sum));
}
