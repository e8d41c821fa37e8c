import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { type FloatFormat, type FloatReader, floatFormats, toFloat32 } from './float-formats.js';
import { elements } from './parameters.js';
import { PickledGlobal, PickleError, unpickle } from './pickle.js';
import type { StateArray, StateDict } from './state-dict.js';

/** Thrown for a `.pth` file that cannot be read, or that holds something other than tensors. */
export class TorchCheckpointError extends Error {
  override readonly name = 'TorchCheckpointError';
}

/** What torch.save's zip format begins with. */
export function isTorchCheckpoint(file: Uint8Array): boolean {
  return file[0] === 0x50 && file[1] === 0x4b && file[2] === 3 && file[3] === 4;
}

/**
 * Reads the tensors of a PyTorch checkpoint (torch.save's zip format, since PyTorch 1.6) without
 * executing its pickle. Takes a state dict, or one under `state_dict`, `model` or `model_state_dict`;
 * a `module.` before every name is dropped. Floating-point tensors become float32; others are passed over.
 * @throws TorchCheckpointError, PickleError
 */
export async function decodeTorchCheckpoint(file: Uint8Array): Promise<StateDict> {
  const entries = await readArchive(file);
  const pickled = [...entries.keys()].find((name) => name.endsWith('/data.pkl'));
  if (!pickled) throw new TorchCheckpointError('the archive has no data.pkl: it is not from torch.save');
  const folder = pickled.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() !== 'little') {
    throw new TorchCheckpointError('the checkpoint was written on a big-endian machine');
  }
  const budget = new Budget(file.byteLength);
  const root = unpickle(entries.get(pickled) as Uint8Array, {
    values: new Set(Object.keys(storages).map((name) => `torch.${name}`)),
    reductions: {
      'collections.OrderedDict': () => new Map(),
      'torch._utils._rebuild_tensor_v2': (args) => new PickledTensor(args),
      'torch._utils._rebuild_parameter': ([tensor]) => tensor,
    },
    persistent: (id) => storageOf(id, entries, folder),
  });
  return namedTensors(stateDictIn(root), budget);
}

/** torch.nn.Module.state_dict's values are views of storages; what they share is not copied before use. */
class PickledTensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor([storage, offset, shape, strides]: readonly unknown[]) {
    const naturals = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    const whole = naturals(shape) && naturals(strides) && naturals([offset]) && shape.length === strides.length;
    if (!(storage instanceof Storage) || !whole || shape.length > 8) {
      throw new PickleError('a tensor without a valid storage, offset, shape and strides');
    }
    this.storage = storage;
    this.offset = offset as number;
    this.shape = shape;
    this.strides = strides;
  }

  /** In C order, float32. @throws TorchCheckpointError when it reaches past its storage */
  read(name: string, budget: Budget): StateArray {
    const { shape, strides, storage, offset } = this;
    const size = elements(shape);
    budget.spend(name, size * 4);
    const last = size === 0 ? 0 : offset + shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] as number), 0);
    if (size > 0 && !(last < storage.length)) {
      throw new TorchCheckpointError(`tensor ${name} reaches to element ${last} of a storage of ${storage.length}`);
    }
    const values = toFloat32(storage.format as FloatFormat, storage.bytes);
    return { shape, data: this.#isContiguous() ? values.read(offset, size) : this.#gathered(values, size) };
  }

  #isContiguous(): boolean {
    let stride = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      const count = this.shape[axis] as number;
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
        at += strides[axis] as number;
        place[axis] = (place[axis] as number) + 1;
        if ((place[axis] as number) < (shape[axis] as number)) break;
        at -= (shape[axis] as number) * (strides[axis] as number);
        place[axis] = 0;
      }
    }
    return data;
  }
}

/** Formats by torch's storage types; undefined: no floating-point numbers, passed over. */
const storages: Readonly<Record<string, FloatFormat | undefined>> = {
  FloatStorage: floatFormats.F32,
  DoubleStorage: floatFormats.F64,
  HalfStorage: floatFormats.F16,
  BFloat16Storage: floatFormats.BF16,
  LongStorage: undefined,
  IntStorage: undefined,
  ShortStorage: undefined,
  CharStorage: undefined,
  ByteStorage: undefined,
  BoolStorage: undefined,
};

class Storage {
  constructor(
    readonly format: FloatFormat | undefined,
    readonly bytes: Uint8Array,
  ) {}

  get length(): number {
    return this.format ? Math.floor(this.bytes.byteLength / this.format.bytes) : 0;
  }
}

/** ('storage', torch.FloatStorage, key, device, elements). */
function storageOf(id: unknown, entries: ReadonlyMap<string, Uint8Array>, folder: string): Storage {
  const [tag, type, key] = Array.isArray(id) ? id : [];
  const name = type instanceof PickledGlobal ? type.name.slice('torch.'.length) : '';
  if (tag !== 'storage' || !Object.hasOwn(storages, name) || typeof key !== 'string') {
    throw new PickleError('a persistent id that is no storage');
  }
  const bytes = entries.get(`${folder}data/${key}`);
  if (!bytes) throw new TorchCheckpointError(`the archive lacks data/${key}, which a tensor is stored in`);
  return new Storage(storages[name], bytes);
}

/** Views of one storage may repeat its numbers: all of them together are bounded. */
class Budget {
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

const NESTED = ['state_dict', 'model_state_dict', 'model'];

function stateDictIn(root: unknown): ReadonlyMap<unknown, unknown> {
  if (!(root instanceof Map)) throw new TorchCheckpointError('the checkpoint is no dict of tensors');
  const nested = NESTED.find((key) => root.get(key) instanceof Map);
  return nested ? root.get(nested) : root;
}

function namedTensors(dict: ReadonlyMap<unknown, unknown>, budget: Budget): StateDict {
  const tensors = new Map<string, StateArray>();
  for (const [name, value] of dict) {
    if (typeof name !== 'string' || !(value instanceof PickledTensor)) continue;
    if (value.storage.format) tensors.set(name, value.read(name, budget));
  }
  if (tensors.size === 0) {
    const found = [...dict.keys()].slice(0, 8).join(', ');
    throw new TorchCheckpointError(`no tensors, neither at the top nor under ${NESTED.join(', ')} (found: ${found})`);
  }
  const prefix = 'module.';
  const parallel = [...tensors.keys()].every((name) => name.startsWith(prefix));
  return parallel ? new Map([...tensors].map(([name, array]) => [name.slice(prefix.length), array])) : tensors;
}

/**
 * The archive's entries as views of the file. torch.save stores them uncompressed; a compressed one
 * could unfold to any size, and is refused.
 */
async function readArchive(file: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  try {
    const zip = await new Promise<ZipFile>((resolve, reject) => {
      yauzl.fromBuffer(buffer, { lazyEntries: true }, (error, found) => (error ? reject(error) : resolve(found)));
    });
    const entries = new Map<string, Uint8Array>();
    for await (const entry of entriesOf(zip)) entries.set(entry.fileName, await viewOf(zip, entry, file));
    return entries;
  } catch (error) {
    if (error instanceof TorchCheckpointError) throw error;
    throw new TorchCheckpointError(`no valid zip archive: ${(error as Error).message}`);
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      zip.removeAllListeners();
      zip.once('entry', resolve);
      zip.once('end', () => resolve(undefined));
      zip.once('error', reject);
      zip.readEntry();
    });
    if (!entry) return;
    yield entry;
  }
}

function viewOf(zip: ZipFile, entry: Entry, file: Uint8Array): Promise<Uint8Array> {
  const { fileName, compressionMethod, uncompressedSize } = entry;
  if (compressionMethod !== 0) {
    throw new TorchCheckpointError(`${fileName} is compressed, which torch.save never does: refused`);
  }
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry, { minimal: true }, (error, header) => {
      if (error) return reject(error);
      const from = header.fileDataStart;
      if (from + uncompressedSize > file.byteLength) {
        return reject(new TorchCheckpointError(`${fileName} reaches past the file's end`));
      }
      resolve(file.subarray(from, from + uncompressedSize));
    });
  });
}
