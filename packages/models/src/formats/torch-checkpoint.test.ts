import { readFileSync } from 'node:fs';
import { PickledGlobal, PickleError } from '@mcld/pickle/pickle.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StateDict, WeightMismatchError } from '../layers/state-dict.js';
import { WeightFileError } from './foreign-files.js';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from './safetensors.js';
import type { NamedTensor } from './stored-tensor.js';
import { tensorsIn } from './tensor-tree.js';
import { readTorchCheckpoint } from './torch-checkpoint.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';
import { torchGlobals } from './torch-globals.js';
import { readWeightFile, weightFormat } from './weight-file.js';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
const counted = (n: number, from = 0) => Array.from({ length: n }, (_, i) => (from + i) / 8);

/** Shapes and numbers of what could be weights, by name. */
function floats(tensors: readonly NamedTensor[]): Record<string, { shape: readonly number[]; data: number[] }> {
  const floating = tensors.filter(({ tensor }) => /^b?float(16|32|64)$/.test(tensor.dtype));
  return Object.fromEntries(
    floating.map(({ name, tensor }) => [name, { shape: tensor.shape, data: [...tensor.read(name)] }]),
  );
}

const expected = (prefix: string) => ({
  [`${prefix}conv.weight`]: { shape: [2, 3, 2, 2], data: counted(24) },
  [`${prefix}bn.running_mean`]: { shape: [2], data: counted(2, 1) },
  [`${prefix}half.weight`]: { shape: [2, 2], data: counted(4) },
  [`${prefix}bfloat.weight`]: { shape: [2, 2], data: counted(4) },
  [`${prefix}double.weight`]: { shape: [2, 2], data: counted(4) },
});

describe('a PyTorch checkpoint', () => {
  it.each([
    ['plain.pth', ''],
    ['nested.pth', 'state_dict.module.'],
    ['legacy.pth', ''],
    ['legacy-nested.pth', 'state_dict.module.'],
  ])('%s gives its tensors in C order, as float32, with their names', async (name, prefix) => {
    const file = fixture(name);
    expect(weightFormat(file)).toBe('torch');
    const tensors = await readTorchCheckpoint(file);
    expect(floats(tensors)).toEqual(expected(prefix));
    expect(tensors.find(({ tensor }) => tensor.dtype === 'int64')?.name).toBe(`${prefix}bn.num_batches_tracked`);
  });

  it('of Python 2, from a GPU, in views of one storage', async () => {
    const tensors = await readTorchCheckpoint(fixture('python2.pth'));
    expect(floats(tensors)).toEqual({
      'state_dict.conv.weight': { shape: [2, 4], data: counted(8) },
      'state_dict.bn.weight': { shape: [4], data: counted(4, 8) },
    });
  });

  it.each(['extras.pth', 'legacy-extras.pth'])('%s may hold what weights_only=True takes', async (name) => {
    const tensors = await readTorchCheckpoint(fixture(name));
    expect(floats(tensors)).toMatchObject({
      ...expected('state_dict.module.'),
      'marked.marked': { shape: [2], data: counted(2) },
      'marked.noted': { shape: [2], data: counted(2) },
      'others.expanded': { shape: [3], data: [1, 1, 1] },
      'optimizer.state.0.step': { shape: [], data: [1] },
    });
    const kinds = Object.fromEntries(tensors.map(({ name: of, tensor }) => [of, [tensor.dtype, tensor.shape]]));
    expect(kinds).toMatchObject({
      'quantised.tensor': ['quantised', [2]],
      'quantised.channel': ['quantised', [2, 1]],
      'sparse.coo': ['sparse', [2, 2]],
      'sparse.csr': ['sparse', [2, 2]],
      'others.meta': ['meta', [2, 3]],
      'others.complex': ['a negated view', [2]],
      'others.negated': ['a negated view', [2]],
      random: ['uint8', [16]],
    });
    const quantised = tensors.find(({ name: of }) => of === 'quantised.tensor')?.tensor;
    expect(() => quantised?.read('fc.weight')).toThrow(
      new WeightMismatchError('fc.weight is quantised; weights are float32, float64, float16 or bfloat16'),
    );
  });

  it('may name the globals that weights_only=True takes, and no others', () => {
    expect([...torchGlobals().keys()].sort()).toEqual(
      fixture('allowed-globals.txt').toString().trim().split('\n').sort(),
    );
  });

  it.each([
    ['callable.pth', 'torch.optim.sgd.SGD'],
    ['whole-model.pth', 'torch.nn.modules.container.Sequential'],
    ['numpy.pth', 'numpy._core.multiarray.scalar'],
  ])('%s is refused by the name of what it wants, and says what to do', async (name, global) => {
    await expect(readTorchCheckpoint(fixture(name))).rejects.toThrow(
      new RegExp(
        `^the pickle wants ${global.replaceAll('.', '\\.')} \\(at byte \\d+ of \\d+\\): refused\\. Weights are read, ` +
          "no whole models or other objects: in Python, torch\\.save\\(model\\.state_dict\\(\\), 'weights\\.pth'\\)$",
      ),
    );
  });

  it('that asks for a command is refused before anything is called', async () => {
    const file = Buffer.from(fixture('plain.pth'));
    // Names of the same length keep the archive whole: collections.OrderedDict → posixsystems.....
    const at = file.indexOf('collections\nOrderedDict');
    file.write('posix_______\nsystem____'.slice(0, 23), at);
    await expect(readTorchCheckpoint(file)).rejects.toThrow('refused');
  });

  it('whose entries are compressed is refused: they could unfold to any size', async () => {
    const file = Buffer.from(fixture('plain.pth'));
    const central = file.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    file.writeUInt16LE(8, central + 10);
    await expect(readTorchCheckpoint(file)).rejects.toThrow('compressed');
  });

  it('in the old format that is cut off says where', async () => {
    const file = fixture('python2.pth');
    await expect(readTorchCheckpoint(file.subarray(0, -5))).rejects.toThrow(
      new TorchCheckpointError('storage 7 has 48 bytes, and the file ends after 43 of them: it is cut off'),
    );
    const wrong = Buffer.from(file);
    wrong.writeBigInt64LE(11n, file.length - 56);
    await expect(readTorchCheckpoint(wrong)).rejects.toThrow('storage 7 has 11 elements, its tensors say 12');
  });

  it('without tensors says what it has', async () => {
    // pickle.dump(1, protocol=2)
    await expect(readTorchCheckpoint(Buffer.from('80024b012e', 'hex'))).rejects.toThrow(
      'a pickle of Python, but none of torch.save',
    );
    // torch.save({'epoch': 1}, FILE, _use_new_zipfile_serialization=False)
    const pickles = ['8a0a6cfc9c46f9206aa850192e', '4de9032e', '7d2e', '7d580500000065706f63684b01732e', '5d2e'];
    await expect(readTorchCheckpoint(Buffer.from(pickles.map((hex) => `8002${hex}`).join(''), 'hex'))).rejects.toThrow(
      new TorchCheckpointError('a checkpoint needs a dict of tensors, and the file has a dict of epoch'),
    );
  });
});

describe('a file that holds no weights', () => {
  const tar = (name: string) => {
    const header = Buffer.alloc(512);
    header.write(name);
    header.write('00000000000', 124);
    header.write('        ', 148);
    header.write(
      header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0'),
      148,
    );
    return header;
  };

  it.each([
    ['nothing', Buffer.alloc(0), 'the file is empty. Was its download broken off?'],
    [
      'TorchScript',
      fixture('torchscript.pt'),
      'the file is a TorchScript archive, a program that is not run here. Save its weights alone',
    ],
    [
      'an exported program',
      fixture('exported.pt2'),
      'the file is an exported program of PyTorch (.pt2), which is not run here',
    ],
    [
      'a tar of checkpoints',
      tar('run/best.pth'),
      'the file is a tar archive of run/best.pth. Unpack it and name the weights in it.',
    ],
    [
      'torch’s own tar',
      Buffer.concat(['sys_info', 'pickle', 'storages', 'tensors'].map(tar)),
      'the file is torch.save’s tar format, of 2017 and before. Where you trust it, save it again in Python: ',
    ],
    [
      'a zip of checkpoints',
      fixture('packed.zip'),
      'the file is a zip archive of run/best.pth, run/notes.txt. Unpack it and name the weights in it.',
    ],
    ['arrays of NumPy', fixture('arrays.npz'), 'the file is arrays of NumPy (.npz). Save them as safetensors'],
    ['gzip', Buffer.from('\x1f\x8b\x08', 'latin1'), 'the file is compressed with gzip. Unpack it'],
    [
      'Keras',
      Buffer.from('\x89HDF\r\n\x1a\n\0\0', 'latin1'),
      'the file is HDF5, as Keras writes it. Export the model to ONNX (tf2onnx)',
    ],
    ['Flax', Buffer.from('\x82\xabbatch_stats\x80', 'latin1'), 'the file is msgpack, as Flax writes it'],
    [
      'Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
      'the file is a pointer of Git LFS, not the weights. Fetch them with `git lfs pull`.',
    ],
    [
      'a page',
      Buffer.from('\n<!DOCTYPE html><title>404: Not Found</title>'),
      'the file is a web page (404: Not Found)',
    ],
    [
      'an answer',
      Buffer.from('Entry not found'),
      'the file is text (Entry not found). Expected .safetensors, .pth or .onnx.',
    ],
    [
      'an index',
      Buffer.from('{"weight_map":{"a":"w-1.safetensors","b":"w-2.safetensors"}}'),
      'the file is an index of weights that lie in 2 files (w-1.safetensors, w-2.safetensors)',
    ],
  ])('%s is named as what it is', async (_name, file, message) => {
    const read = async () => {
      const format = weightFormat(file);
      expect(format).toBe('torch');
      await readWeightFile('torch', file);
    };
    await expect(read()).rejects.toThrow(WeightFileError);
    await expect(read()).rejects.toThrow(message);
  });
});

const small: StateDict = new Map([
  ['conv1.weight', { shape: [2, 1, 1, 1], data: Float32Array.of(1, 2) }],
  ['fc.bias', { shape: [3], data: Float32Array.of(3, 4, 5) }],
]);

/** A file with a few bytes changed, cut off, or with a piece of it repeated. */
const damaged = (file: Uint8Array) =>
  fc.oneof(
    fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
      const copy = Uint8Array.from(file);
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    }),
    fc.nat(file.length).map((length) => file.slice(0, length)),
    fc.tuple(fc.nat(file.length), fc.nat(file.length), fc.nat(file.length)).map(([a, b, at]) => {
      const piece = file.slice(Math.min(a, b), Math.max(a, b));
      return Uint8Array.from([...file.slice(0, at), ...piece, ...file.slice(at)]);
    }),
    fc.uint8Array({ maxLength: 64 }),
  );

const bytesOf = (arrays: Iterable<Float32Array>) => [...arrays].reduce((sum, { byteLength }) => sum + byteLength, 0);

type ErrorClass = abstract new (...args: never[]) => Error;

/** What `read` gives, or undefined where it refuses with one of these errors; any other is thrown on. */
async function readOrRefused<T>(read: () => T | Promise<T>, ...refusals: ErrorClass[]): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return undefined;
    throw error;
  }
}

/** Reads every tensor that can be read; together they are bounded, and so are their names. */
async function assertBounded(tensors: readonly NamedTensor[], file: Uint8Array): Promise<void> {
  const arrays: Float32Array[] = [];
  for (const { name, tensor } of tensors) {
    const array = await readOrRefused(() => tensor.read(name), TorchCheckpointError, WeightMismatchError);
    if (array) arrays.push(array);
  }
  expect(bytesOf(arrays)).toBeLessThanOrEqual(4 * file.length);
  expect(tensors.reduce((sum, { name }) => sum + name.length, 0)).toBeLessThanOrEqual(4 * file.length + 65_536);
}

describe('a damaged file', () => {
  it('of safetensors is read within bounds or refused, whatever is wrong with it', async () => {
    const file = encodeSafetensors(small, { model: 'resnet8' });
    await fc.assert(
      fc.asyncProperty(damaged(file), async (bytes) => {
        const read = await readOrRefused(() => decodeSafetensors(bytes), SafetensorsError);
        const arrays = [...(read?.tensors.values() ?? [])].map(({ data }) => data);
        expect(bytesOf(arrays)).toBeLessThanOrEqual(4 * bytes.length);
      }),
      { numRuns: 10_000 },
    );
  });

  it('of PyTorch makes no more of a list, a name or a nesting than there is of it', async () => {
    const globals = torchGlobals();
    const pairs = [['conv.weight', 1]];
    const dicts = globals.get('collections.OrderedDict');
    expect(dicts?.([pairs])).toEqual(new Map([['conv.weight', 1]]));
    expect(dicts?.([pairs])).toBe(dicts?.([pairs]));

    const name = 'torch._tensor._rebuild_from_type_v2';
    const itself: unknown[] = [new PickledGlobal(name), null];
    itself.push(itself);
    expect(globals.get(name)?.(itself)).toMatchObject({ dtype: 'an object of its own class', shape: [] });

    const meta = globals.get('torch._utils._rebuild_meta_tensor_no_storage')?.([null, [2]]);
    const long = 'x'.repeat(1000);
    const many = new Map([[long, new Map(Array.from({ length: 100 }, (_, i) => [`w${i}`, meta]))]]);
    expect(tensorsIn(many, 200_000)).toHaveLength(100);
    expect(() => tensorsIn(many, 50_000)).toThrow(
      new TorchCheckpointError("the tensors' names are longer than 50000 characters together"),
    );
  });

  it.each(['plain', 'nested', 'extras', 'legacy', 'legacy-extras', 'python2'])(
    'of PyTorch (%s) is read within bounds or refused',
    async (name) => {
      const file = fixture(`${name}.pth`);
      // The pickle and the archive's directory are where the harm is; changes there come more often.
      const pickle = Math.max(0, file.indexOf('data.pkl'));
      const aimed = fc.array(fc.tuple(fc.nat(900), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
        const copy = Uint8Array.from(file);
        for (const [at, value] of changes) copy[pickle + 30 + at] = value;
        return copy;
      });
      await fc.assert(
        fc.asyncProperty(fc.oneof(aimed, damaged(file)), async (bytes) => {
          const refusals = [TorchCheckpointError, PickleError, WeightFileError];
          await assertBounded((await readOrRefused(() => readTorchCheckpoint(bytes), ...refusals)) ?? [], bytes);
        }),
        { numRuns: 3000 },
      );
    },
    120_000,
  );
});
