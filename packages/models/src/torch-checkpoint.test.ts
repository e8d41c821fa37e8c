import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PickleError } from './pickle.js';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from './safetensors.js';
import type { StateDict } from './state-dict.js';
import { decodeTorchCheckpoint, isTorchCheckpoint, TorchCheckpointError } from './torch-checkpoint.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}.pth`, import.meta.url));
const counted = (n: number, from = 0) => Array.from({ length: n }, (_, i) => (from + i) / 8);

describe('a PyTorch checkpoint', () => {
  it.each(['nested', 'plain'])('%s gives its tensors in C order, as float32', async (name) => {
    const file = fixture(name);
    expect(isTorchCheckpoint(file)).toBe(true);
    const tensors = await decodeTorchCheckpoint(file);
    expect([...tensors.keys()]).toEqual([
      'conv.weight',
      'bn.running_mean',
      'half.weight',
      'bfloat.weight',
      'double.weight',
    ]);
    expect(tensors.get('conv.weight')?.shape).toEqual([2, 3, 2, 2]);
    expect([...(tensors.get('conv.weight')?.data ?? [])]).toEqual(counted(24));
    expect([...(tensors.get('bn.running_mean')?.data ?? [])]).toEqual(counted(2, 1));
    for (const kind of ['half', 'bfloat', 'double']) {
      expect([...(tensors.get(`${kind}.weight`)?.data ?? [])]).toEqual(counted(4));
    }
  });

  it('with a callable is refused by its name', async () => {
    await expect(decodeTorchCheckpoint(fixture('callable'))).rejects.toThrow('torch.optim.sgd.SGD');
  });

  it('that asks for a command is refused before anything is called', async () => {
    const file = Buffer.from(fixture('plain'));
    // Names of the same length keep the archive whole: collections.OrderedDict → posixsystems.....
    const at = file.indexOf('collections\nOrderedDict');
    file.write('posix_______\nsystem____'.slice(0, 23), at);
    await expect(decodeTorchCheckpoint(file)).rejects.toThrow('refused');
  });

  it('whose entries are compressed is refused: they could unfold to any size', async () => {
    const file = Buffer.from(fixture('plain'));
    const central = file.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    file.writeUInt16LE(8, central + 10);
    await expect(decodeTorchCheckpoint(file)).rejects.toThrow('compressed');
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

function assertBounded(tensors: StateDict, file: Uint8Array): void {
  const bytes = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  expect(bytes).toBeLessThanOrEqual(4 * file.length);
}

describe('a damaged file', () => {
  it('of safetensors is read within bounds or refused, whatever is wrong with it', () => {
    const file = encodeSafetensors(small, { model: 'resnet8' });
    fc.assert(
      fc.property(damaged(file), (bytes) => {
        try {
          assertBounded(decodeSafetensors(bytes).tensors, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  it.each(['plain', 'nested'])(
    'of PyTorch (%s) is read within bounds or refused',
    async (name) => {
      const file = fixture(name);
      // The pickle and the archive's directory are where the harm is; changes there come more often.
      const pickle = file.indexOf('data.pkl');
      const aimed = fc.array(fc.tuple(fc.nat(900), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
        const copy = Uint8Array.from(file);
        for (const [at, value] of changes) copy[pickle + 30 + at] = value;
        return copy;
      });
      await fc.assert(
        fc.asyncProperty(fc.oneof(aimed, damaged(file)), async (bytes) => {
          try {
            assertBounded(await decodeTorchCheckpoint(bytes), bytes);
          } catch (error) {
            expect(error instanceof TorchCheckpointError || error instanceof PickleError, String(error)).toBe(true);
          }
        }),
        { numRuns: 5000 },
      );
    },
    120_000,
  );
});
