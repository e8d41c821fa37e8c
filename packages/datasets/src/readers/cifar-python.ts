import { listed, shown } from '@mcld/errors/text.js';
import { PickleError, unpickle } from '@mcld/pickle/pickle.js';
import { contentOf } from '../decoding/content.js';
import { DatasetError } from './dataset-error.js';
import { asText, NumpyArray, numpyGlobals } from './numpy-pickle.js';

const PIXELS = 3072;
/** A label is one byte of a record. */
const MOST_CLASSES = 256;
const MOST_KEYS = 100;
/** The opcode that a pickle of protocol 2 or later begins with. */
const PROTOCOL = 0x80;

/** How names become what is read here: NumPy has a type of its own for text. */
const AS_LIST = 'in Python: [str(name) for name in names]';

/** A dict of a pickled batch, by its keys as text: Python 2 has them as bytes. */
type Batch = ReadonlyMap<string, unknown>;

/**
 * A pickled batch as the records of the binary version: a byte for each of the lists of labels, then the planes. Read,
 * not executed.
 * @param labels names of the lists of labels, as `coarse_labels`
 * @throws DatasetError with the file's name
 */
export function recordsOf(file: string, pickle: Buffer, labels: readonly string[]): Buffer {
  return named(file, pickle, () => {
    const batch = batchOf(pickle);
    const data = batch.get('data');
    if (!(data instanceof NumpyArray)) throw lacks(batch, 'data', 'array of NumPy');
    const [count = 0, ...rest] = data.shape;
    if (rest.join() !== '3072' && rest.join() !== '3,32,32') {
      throw new PickleError(`data [${data.shape.join(', ')}], expected [N, 3072]`);
    }
    const pixels = data.uint8();
    const columns = labels.map((name) => labelsOf(batch, name, count));
    const record = columns.length + PIXELS;
    const records = Buffer.alloc(count * record);
    for (let row = 0; row < count; row++) {
      for (const [place, column] of columns.entries()) records[row * record + place] = column[row] ?? 0;
      records.set(pixels.subarray(row * PIXELS, (row + 1) * PIXELS), row * record + columns.length);
    }
    return records;
  });
}

/** The names of the classes, of the file that goes with the batches. @throws DatasetError */
export function classNamesOf(file: string, pickle: Buffer, key: string): string[] {
  return named(file, pickle, () => {
    const meta = batchOf(pickle);
    const list = meta.get(key);
    if (!Array.isArray(list) || list.length === 0) throw lacks(meta, key, `list of names (${AS_LIST})`);
    if (list.length > MOST_CLASSES) throw new PickleError(`${list.length} ${key}, expected at most ${MOST_CLASSES}`);
    const names = list.map(asText);
    const wrong = names.indexOf('');
    if (wrong >= 0) throw new PickleError(`${key}[${wrong}] is not text, or empty (${AS_LIST})`);
    return names;
  });
}

function batchOf(pickle: Buffer): Batch {
  const advice = () => 'Expected a batch as its makers pickled it';
  const root = unpickle(pickle, { globals: numpyGlobals, encoding: 'bytes', advice });
  if (!(root instanceof Map)) throw new PickleError('no dict');
  return new Map([...root].slice(0, MOST_KEYS).map(([key, value]) => [asText(key), value]));
}

function labelsOf(batch: Batch, name: string, count: number): readonly number[] {
  const value = batch.get(name);
  const labels = value instanceof NumpyArray ? value.integers() : value;
  if (!Array.isArray(labels)) throw lacks(batch, name, 'list of numbers');
  if (labels.length !== count) throw new PickleError(`${count} images, but ${labels.length} ${name}`);
  const wrong = labels.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= MOST_CLASSES);
  if (wrong >= 0) throw new PickleError(`${name}[${wrong}] is not a label from 0 to ${MOST_CLASSES - 1}`);
  return labels;
}

const lacks = (batch: Batch, key: string, expected: string): PickleError =>
  batch.has(key)
    ? new PickleError(`${key} is not a ${expected}`)
    : new PickleError(`no ${key} (found ${listed([...batch.keys()].map((other) => shown(other, 40)))})`);

function named<T>(file: string, pickle: Buffer, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    const what = pickle[0] === PROTOCOL ? '' : `; it is ${contentOf(pickle)}`;
    throw new DatasetError('damaged', `${file} is not a batch of CIFAR's Python version: ${error.message}${what}`, {
      cause: error,
    });
  }
}
