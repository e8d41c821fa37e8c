import { shown } from '@mcld/errors/text.js';
import { PickleError, type UnpicklerOptions, unpickleAt } from '@mcld/pickle/pickle.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';
import { Budget, Storage, type StorageKind, storageKind } from './torch-tensor.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

interface Root {
  readonly kind: StorageKind;
  readonly count: number;
}

/**
 * torch.save's format before PyTorch 1.6 (`_use_new_zipfile_serialization=False`): pickles one after the other (a magic
 * number, a version, the machine, what was saved, the keys of the storages), then each storage as a 64-bit count and
 * its elements, little-endian.
 * @returns what was saved
 * @throws TorchCheckpointError, PickleError
 */
export function readTorchLegacy(file: Uint8Array, options: Omit<UnpicklerOptions, 'persistent'>): unknown {
  const budget = new Budget(file.byteLength);
  const roots = new Map<string, Root>();
  const contents = new Map<string, Uint8Array>();
  const persistent = (id: unknown): Storage => storageOf(id, roots, contents, budget);
  let at = 0;
  const next = () => {
    const { value, end } = unpickleAt(file, at, { ...options, persistent });
    at = end;
    return value;
  };
  if (next() !== MAGIC) {
    throw new TorchCheckpointError(
      'a pickle of Python, but none of torch.save; expected torch.save(model.state_dict(), FILE)',
    );
  }
  if (next() !== PROTOCOL) {
    throw new TorchCheckpointError(`the old format of torch.save in a version other than ${PROTOCOL}`);
  }
  next();
  const saved = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new TorchCheckpointError('the file has no list of its storages');
  for (const key of keys) {
    const root = roots.get(key);
    if (!root) throw new TorchCheckpointError('the file lists a storage that nothing lies in');
    const content = storageAt(file, at, shown(key), root);
    contents.set(key, content);
    at += 8 + content.byteLength;
  }
  return saved;
}

/** ('storage', torch.FloatStorage, key, device, elements, view): a view is (key, offset, elements), or None. */
function storageOf(
  id: unknown,
  roots: Map<string, Root>,
  contents: ReadonlyMap<string, Uint8Array>,
  budget: Budget,
): Storage {
  const [tag, type, key, , count, view] = Array.isArray(id) ? id : [];
  const kind = storageKind(type);
  if (tag !== 'storage' || typeof key !== 'string' || !isCount(count)) {
    throw new PickleError('a persistent id that is not a storage');
  }
  if (!roots.has(key)) roots.set(key, { kind, count });
  const whole = () => {
    const storage = contents.get(key);
    if (!storage) throw new TorchCheckpointError(`the file lacks storage ${shown(key)}, which a tensor lies in`);
    return storage;
  };
  if (!Array.isArray(view)) return new Storage(kind, key, budget, whole);
  const [, from, length] = view;
  if (!isCount(from) || !isCount(length)) throw new PickleError('a view of a storage without offset and length');
  const part = () => whole().subarray(from * kind.bytes, (from + length) * kind.bytes);
  return new Storage(kind, `${key}+${from}`, budget, part);
}

function storageAt(file: Uint8Array, at: number, key: string, root: Root): Uint8Array {
  const left = file.byteLength - at - 8;
  const length = root.count * root.kind.bytes;
  if (length > left) {
    throw new TorchCheckpointError(
      `storage ${key} has ${length} bytes, and the file ends after ${Math.max(left, 0)} of them: it is cut off`,
    );
  }
  const count = new DataView(file.buffer, file.byteOffset + at, 8).getBigInt64(0, true);
  if (count !== BigInt(root.count)) {
    throw new TorchCheckpointError(`storage ${key} has ${count} elements, its tensors say ${root.count}`);
  }
  return file.subarray(at + 8, at + 8 + length);
}

const isCount = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
