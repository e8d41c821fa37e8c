import { shown } from '@mcld/errors/text.js';
import { PickledObject, PickleError, type Reduction } from '@mcld/pickle/pickle.js';

const MOST_AXES = 64; // NumPy's own limit

/** The type of an array's elements, as `u1` or `i8`. */
class NumpyType extends PickledObject {
  bigEndian = false;

  constructor(readonly code: string) {
    super('numpy.dtype', []);
  }

  /** (version, byte order, …) */
  override setState(state: unknown): void {
    this.bigEndian = Array.isArray(state) && asText(state[1]) === '>';
  }
}

/** An array of NumPy out of a pickle: its bytes are a view of the pickle. */
export class NumpyArray extends PickledObject {
  shape: readonly number[] = [];
  #type: NumpyType | undefined;
  #bytes: unknown;
  #isFortran = false;

  constructor() {
    super('numpy.ndarray', []);
  }

  /** (version, shape, type, Fortran order, bytes) */
  override setState(state: unknown): void {
    const [shape, type, isFortran, bytes] = Array.isArray(state) ? state.slice(-4) : [];
    this.#set(shape, type, isFortran === true, bytes);
  }

  /** Protocol 5: (bytes, type, shape, order). */
  static fromBuffer([bytes, type, shape, order]: readonly unknown[]): NumpyArray {
    const array = new NumpyArray();
    array.#set(shape, type, asText(order) === 'F', bytes);
    return array;
  }

  #set(shape: unknown, type: unknown, isFortran: boolean, bytes: unknown): void {
    const isShape =
      Array.isArray(shape) && shape.length <= MOST_AXES && shape.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!isShape || !(type instanceof NumpyType)) throw new PickleError('an array of NumPy without shape and type');
    this.shape = shape;
    this.#type = type;
    this.#bytes = bytes;
    this.#isFortran = isFortran && shape.length > 1;
  }

  /** uint8 in C order. @throws PickleError for an array of anything else */
  uint8(): Uint8Array {
    const { code = 'nothing' } = this.#type ?? {};
    if (code !== 'u1' || this.#isFortran) {
      const order = this.#isFortran ? ' in Fortran order' : '';
      throw new PickleError(`an array of ${shown(code)}${order}, expected u1 (uint8) in C order`);
    }
    return this.#content(1);
  }

  /** Numbers of an array of integers. @throws PickleError */
  integers(): number[] {
    const type = this.#type;
    const read = type && integerReader(type);
    if (!read) throw new PickleError(`an array of ${shown(type?.code ?? 'nothing')}, expected integers`);
    const content = this.#content(read.bytes);
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    return Array.from({ length: content.byteLength / read.bytes }, (_, i) =>
      read.at(view, i * read.bytes, !type.bigEndian),
    );
  }

  #content(elementBytes: number): Uint8Array {
    const bytes = asBytes(this.#bytes);
    const expected = this.shape.reduce((a, b) => a * b, elementBytes);
    if (bytes.byteLength !== expected) {
      throw new PickleError(`an array [${this.shape.join(', ')}] of ${bytes.byteLength} bytes, expected ${expected}`);
    }
    return bytes;
  }
}

interface IntegerReader {
  readonly bytes: number;
  at(view: DataView, byte: number, isLittleEndian: boolean): number;
}

const integerReaders: Readonly<Record<string, IntegerReader>> = {
  u1: { bytes: 1, at: (view, byte) => view.getUint8(byte) },
  i1: { bytes: 1, at: (view, byte) => view.getInt8(byte) },
  u2: { bytes: 2, at: (view, byte, little) => view.getUint16(byte, little) },
  i2: { bytes: 2, at: (view, byte, little) => view.getInt16(byte, little) },
  u4: { bytes: 4, at: (view, byte, little) => view.getUint32(byte, little) },
  i4: { bytes: 4, at: (view, byte, little) => view.getInt32(byte, little) },
  u8: { bytes: 8, at: (view, byte, little) => Number(view.getBigUint64(byte, little)) },
  i8: { bytes: 8, at: (view, byte, little) => Number(view.getBigInt64(byte, little)) },
};

const integerReader = ({ code }: NumpyType): IntegerReader | undefined =>
  Object.hasOwn(integerReaders, code) ? integerReaders[code] : undefined;

/** A number of NumPy's own: (type, bytes). */
function scalar([type, content]: readonly unknown[]): unknown {
  if (!(type instanceof NumpyType)) return new PickledObject('numpy.scalar', []);
  const read = integerReader(type);
  const bytes = isLong(content) ? new Uint8Array() : asBytes(content);
  if (read?.bytes !== bytes.byteLength) return new PickledObject('numpy.scalar', []);
  return read.at(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, !type.bigEndian);
}

/** What arrays of NumPy are pickled with, before and since NumPy 2, in protocols 2 to 5. */
export const numpyGlobals: ReadonlyMap<string, Reduction> = new Map<string, Reduction>([
  ['numpy.ndarray', undefined],
  ['numpy.dtype', ([code]) => new NumpyType(asText(code))],
  ['_codecs.encode', undefined],
  ['builtins.bytes', undefined],
  ...['numpy.core', 'numpy._core'].flatMap((core): [string, Reduction][] => [
    [`${core}.multiarray._reconstruct`, () => new NumpyArray()],
    [`${core}.multiarray.scalar`, scalar],
    [`${core}.numeric._frombuffer`, NumpyArray.fromBuffer],
  ]),
]);

/** Bytes as they are, or as Python 3 writes them in protocol 2: `_codecs.encode(text, 'latin1')`, `bytes()`. */
function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof PickledObject) {
    const [text = ''] = value.args;
    if (value.type === '_codecs.encode' && typeof text === 'string') return Buffer.from(text, 'latin1');
    if (value.type === 'builtins.bytes' && text === '') return new Uint8Array();
  }
  throw new PickleError('something other than bytes in an array of NumPy');
}

/** One text can stand in many places of a pickle: it is converted where it is a name, not where it is long. */
const LONGEST_NAME = 200;

const isLong = (value: unknown): boolean =>
  value instanceof PickledObject && typeof value.args[0] === 'string' && value.args[0].length > LONGEST_NAME;

/** Text of Python 3, or bytes that are a name; '' for anything else. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  const isBytes = value instanceof Uint8Array || (value instanceof PickledObject && value.type === '_codecs.encode');
  return isBytes && !isLong(value) ? Buffer.from(asBytes(value).subarray(0, LONGEST_NAME)).toString('utf8') : '';
}
