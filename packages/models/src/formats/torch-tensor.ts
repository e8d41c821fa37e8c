import { shown } from '@mcld/errors/text.js';
import { PickledGlobal, PickleError } from '@mcld/pickle/pickle.js';
import { elements } from '../layers/parameter-spec.js';
import { WeightMismatchError } from '../layers/state-dict.js';
import { type FloatFormat, type FloatReader, floatFormats, toFloat32 } from './float-formats.js';
import type { StoredTensor } from './stored-tensor.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';

/** What the elements of one of torch's storages are. */
export interface StorageKind {
  readonly dtype: string;
  /** Of one element. */
  readonly bytes: number;
  /** Absent: no floating-point numbers. */
  readonly format?: FloatFormat;
}

const kinds: Readonly<Record<string, StorageKind>> = {
  FloatStorage: { dtype: 'float32', bytes: 4, format: floatFormats.F32 },
  DoubleStorage: { dtype: 'float64', bytes: 8, format: floatFormats.F64 },
  HalfStorage: { dtype: 'float16', bytes: 2, format: floatFormats.F16 },
  BFloat16Storage: { dtype: 'bfloat16', bytes: 2, format: floatFormats.BF16 },
  LongStorage: { dtype: 'int64', bytes: 8 },
  IntStorage: { dtype: 'int32', bytes: 4 },
  ShortStorage: { dtype: 'int16', bytes: 2 },
  CharStorage: { dtype: 'int8', bytes: 1 },
  ByteStorage: { dtype: 'uint8', bytes: 1 },
  BoolStorage: { dtype: 'bool', bytes: 1 },
  ComplexDoubleStorage: { dtype: 'complex128', bytes: 16 },
  ComplexFloatStorage: { dtype: 'complex64', bytes: 8 },
  QInt8Storage: { dtype: 'qint8', bytes: 1 },
  QInt32Storage: { dtype: 'qint32', bytes: 4 },
  QUInt8Storage: { dtype: 'quint8', bytes: 1 },
  QUInt4x2Storage: { dtype: 'quint4x2', bytes: 1 },
  QUInt2x4Storage: { dtype: 'quint2x4', bytes: 1 },
  UntypedStorage: { dtype: 'uint8', bytes: 1 },
};

/** A storage's kind by the global that a pickle names for it: `torch.FloatStorage`, `torch.cuda.FloatStorage`. */
export function storageKind(type: unknown): StorageKind {
  const name = type instanceof PickledGlobal ? (type.name.split('.').at(-1) ?? '') : '';
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!kind) throw new PickleError('a persistent id that is not a storage');
  return kind;
}

/** Numbers that tensors are views of. */
export class Storage {
  /**
   * @param key names it in its file
   * @param bytes asked for when a tensor is read: the old format has the numbers after the pickle
   */
  constructor(
    readonly kind: StorageKind,
    readonly key: string,
    readonly budget: Budget,
    readonly bytes: () => Uint8Array,
  ) {}
}

/** Views of one storage may repeat its numbers: all of them together are bounded. */
export class Budget {
  #left: number;

  constructor(fileBytes: number) {
    this.#left = 3 * fileBytes;
  }

  spend(name: string, bytes: number): void {
    this.#left -= bytes;
    if (!(this.#left >= 0))
      throw new TorchCheckpointError(`tensor ${name} makes the tensors larger than 3 times their file`);
  }
}

const MOST_AXES = 64; // torch's own limit

const isNatural = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;

const isShape = (list: unknown): list is number[] =>
  Array.isArray(list) && list.length <= MOST_AXES && list.every(isNatural);

/** A tensor that holds no numbers which could be read: quantised, sparse, without any. */
export class OpaqueTensor implements StoredTensor {
  readonly shape: readonly number[];
  readonly place = '';

  constructor(
    readonly dtype: string,
    shape?: unknown,
  ) {
    this.shape = isShape(shape) ? shape : [];
  }

  read(name: string): never {
    throw notFloating(name, this.dtype);
  }
}

const notFloating = (name: string, dtype: string) =>
  new WeightMismatchError(`${name} is ${dtype}; weights are float32, float64, float16 or bfloat16`);

/** A view of a storage: torch's strided tensors. What they share is not copied before use. */
export class TorchTensor implements StoredTensor {
  private constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly dtype: string,
  ) {}

  /** `torch._utils._rebuild_tensor`, with what came later: a dtype beside the storage's, negated or conjugate bits. */
  static rebuild([storage, offset, shape, strides, dtype, bits]: readonly unknown[]): StoredTensor {
    const whole = isShape(shape) && isShape(strides) && shape.length === strides.length;
    if (!(storage instanceof Storage) || !isNatural(offset) || !whole) {
      throw new PickleError('a tensor without a valid storage, offset, shape and strides');
    }
    if (bits instanceof Map && bits.size > 0) return new OpaqueTensor('a negated view', shape);
    if (dtype instanceof PickledGlobal) return new OpaqueTensor(shown(dtype.name.replace('torch.', '')), shape);
    return new TorchTensor(storage, offset, shape, strides, storage.kind.dtype);
  }

  get place(): string {
    return [this.storage.key, this.dtype, this.offset, this.shape, this.strides].join('/');
  }

  /** @throws TorchCheckpointError when it reaches past its storage */
  read(name: string): Float32Array {
    const { shape, strides, storage, offset } = this;
    const { format, bytes } = storage.kind;
    if (!format) throw notFloating(name, this.dtype);
    const size = elements(shape);
    storage.budget.spend(name, size * 4);
    const content = storage.bytes();
    const length = Math.floor(content.byteLength / bytes);
    const last = size === 0 ? 0 : offset + shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] ?? 0), 0);
    if (size > 0 && !(last < length)) {
      throw new TorchCheckpointError(`tensor ${name} reaches to element ${last} of a storage of ${length}`);
    }
    const values = toFloat32(format, content);
    return this.#isContiguous() ? values.read(offset, size) : this.#gathered(values, size);
  }

  #isContiguous(): boolean {
    let stride = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      const count = this.shape[axis] ?? 1;
      if (count !== 1 && this.strides[axis] !== stride) return false;
      stride *= count;
    }
    return true;
  }

  #gathered(values: FloatReader, size: number): Float32Array {
    const { shape, strides } = this;
    const data = new Float32Array(size);
    const place = new Array<number>(shape.length).fill(0);
    let at = this.offset;
    for (let i = 0; i < size; i++) {
      data[i] = values.at(at);
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const stride = strides[axis] ?? 0;
        const count = shape[axis] ?? 1;
        const next = (place[axis] ?? 0) + 1;
        at += stride;
        place[axis] = next;
        if (next < count) break;
        at -= count * stride;
        place[axis] = 0;
      }
    }
    return data;
  }
}
