import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from './backend.js';
import { batchNorm, type RunningStatistics } from './batch-norm.js';
import { CompiledFunction } from './compiled.js';
import { crossEntropy } from './cross-entropy.js';
import { concatFlat, splitFlat } from './flat-vector.js';
import { normalise } from './normalise.js';
import { lastOf, ofRank } from './rank.js';
import type { TensorRecord } from './tensor-record.js';
import { tupleOf } from './tuple.js';
import { zip } from './zip.js';

beforeAll(() => {
  loadBackend('cpu');
});

const wave = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + seed));

describe('flat vectors', () => {
  it('are cut and joined without loss or leak', () => {
    const shapes = [[2, 3], [4], [1, 1, 2, 2]];
    const flat = tf.tensor1d(wave(14, 5));
    const before = tf.memory().numTensors;
    const pieces = splitFlat(flat, shapes);
    expect(pieces.map(({ shape }) => shape)).toEqual(shapes);
    const joined = concatFlat(pieces);
    expect(joined.dataSync()).toEqual(flat.dataSync());
    tf.dispose([...pieces, joined]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('batchNorm', () => {
  it('moves its running statistics by PyTorch’s rule, the variance unbiased', () => {
    const x = tf.tensor4d([1, 10, 2, 30, 3, 20, 6, 0], [2, 2, 1, 2]);
    const running = { mean: tf.tensor1d([1, -1]), variance: tf.tensor1d([2, 4]) };
    let after: number[][] = [];
    const moved = ({ mean, variance }: RunningStatistics) => {
      after = [[...mean.dataSync()], [...variance.dataSync()]];
    };
    batchNorm(x, [tf.ones([2]), tf.zeros([2])], running, moved, 0.25);
    // Means 3 and 15, unbiased variances 14/3 and 500/3.
    const expected = [
      [1.5, 3],
      [1.5 + 14 / 12, 3 + 500 / 12],
    ];
    expect(after.flat().map((value, i) => value / expected.flat()[i]!)).toEqual(Array(4).fill(expect.closeTo(1, 6)));
  });
});

describe('crossEntropy', () => {
  it('with smoothed labels gives torch.nn.functional.cross_entropy’s value', () => {
    const z = tf.tensor2d([1, 2, -1, 0.3, -0.2, 4], [2, 3]);
    // torch 2.13, label_smoothing 0.1
    expect(crossEntropy(z, tf.tensor1d([1, 0], 'int32'), 0.1).dataSync()[0]).toBeCloseTo(2.057314872741699, 5);
  });
});

describe('a compiled function', () => {
  type Pair = { a: tf.Tensor1D; b: tf.Tensor1D };
  const fn = ({ a, b }: Pair) => ({ moved: tf.add<tf.Tensor1D>(tf.mul(a, b), 1), sum: tf.sum<tf.Scalar>(a) });
  const difference = ({ a, b }: Pair) => ({ difference: tf.sub<tf.Tensor1D>(a, b) });
  const valuesOf = (tensor: tf.Tensor) => [...tensor.dataSync()];

  it('gives what the function gives, for each shape of its inputs, and keeps no tensors', () => {
    const compiled = new CompiledFunction(fn);
    for (const size of [3, 5, 3]) {
      const inputs = { a: tf.tensor1d(wave(size, 1)), b: tf.tensor1d(wave(size, 2)) };
      const expected = fn(inputs);
      compiled.run(inputs);
      const before = tf.memory().numTensors;
      const found = compiled.run(inputs);
      expect(valuesOf(found.moved)).toEqual(valuesOf(expected.moved));
      expect(valuesOf(found.sum)).toEqual(valuesOf(expected.sum));
      tf.dispose(found);
      expect(tf.memory().numTensors).toBe(before);
    }
    compiled.dispose();
  });

  it('keeps what it uses besides its inputs as it was', () => {
    const captured = tf.tensor1d([1, 2]);
    const compiled = new CompiledFunction(({ a }: { a: tf.Tensor1D }) => ({ sum: tf.add(a, captured) }));
    expect(valuesOf(compiled.run({ a: tf.tensor1d([1, 1]) }).sum)).toEqual([2, 3]);
    captured.dispose();
    expect(valuesOf(compiled.run({ a: tf.tensor1d([2, 2]) }).sum)).toEqual([3, 4]);
  });

  it('does not confuse inputs that were one tensor when it was recorded', () => {
    const compiled = new CompiledFunction(difference);
    const [x, y] = [tf.tensor1d([3]), tf.tensor1d([1])];
    expect(valuesOf(compiled.run({ a: x, b: tf.clone(x) }).difference)).toEqual([0]);
    expect(valuesOf(compiled.run({ a: x, b: y }).difference)).toEqual([2]);
  });

  it('takes its inputs by name, whatever their order', () => {
    const compiled = new CompiledFunction(difference);
    const [a, b] = [tf.tensor1d([3]), tf.tensor1d([1])];
    compiled.run({ a, b });
    expect(valuesOf(compiled.run({ b, a }).difference)).toEqual([2]);
  });

  it('takes and returns groups, and inputs as they are; what is undefined is not there', () => {
    type Nested = { state: { p: tf.Tensor1D; slots: Record<string, tf.Tensor1D> }; other: tf.Tensor1D | undefined };
    const compiled = new CompiledFunction(({ state: { p, slots }, other }: Nested) => ({
      state: { p, slots: { v: tf.mul<tf.Tensor1D>(slots.v!, 2) } },
      absent: other,
    }));
    const inputs = { state: { p: tf.tensor1d([1]), slots: { v: tf.tensor1d([2]) } }, other: undefined };
    for (const _ of [1, 2]) {
      const { state, absent } = compiled.run(inputs);
      expect([valuesOf(state.p), valuesOf(state.slots.v!), absent]).toEqual([[1], [4], undefined]);
    }
  });

  it.each([
    [{ a: 1 }, 'expected given.a, given.b; found nothing under given.b'],
    [{ a: 1, b: 1, c: 1 }, 'expected given.a, given.b; found given.c besides'],
    [{ a: 1, b: { x: 1 } }, 'expected given.a, given.b; found a group under given.b'],
  ])('refuses a call with other names than the first: %j', (names, message) => {
    const tensorsAt = (value: unknown): TensorRecord =>
      typeof value === 'number'
        ? (tf.tensor1d([value]) as never)
        : Object.fromEntries(Object.entries(value as object).map(([name, inner]) => [name, tensorsAt(inner)]));
    const compiled = new CompiledFunction((inputs: TensorRecord) => inputs);
    compiled.run(tensorsAt({ given: { a: 1, b: 1 } }));
    expect(() => compiled.run(tensorsAt({ given: names }))).toThrow(message);
  });

  it('must not read values', () => {
    const reading = new CompiledFunction(({ a }: Pair) => ({ sum: tf.scalar(tf.sum(a).dataSync()[0]!) }));
    const x = tf.tensor1d([1, 2]);
    expect(() => reading.run({ a: x, b: x })).toThrow('must not read the values');
  });
});

describe('what the code knows of tensors and lists is checked:', () => {
  it.each<[string, () => unknown, string]>([
    ['a rank', () => ofRank(tf.zeros([2, 3]), 4), 'expected a tensor of rank 4, found one of shape [2, 3]'],
    ['a last axis', () => lastOf(tf.scalar(1).shape), 'a scalar has no last axis'],
    ['a length', () => tupleOf([1, 2], 3), 'expected 3 items, found 2'],
    ['equal lengths', () => zip([1, 2], ['a']), '2 items beside 1'],
  ])('%s', (_what, claim, message) => {
    expect(claim).toThrow(message);
  });

  it('and given as what it is', () => {
    const matrix = tf.zeros<tf.Rank.R2>([2, 3]);
    expect(ofRank(matrix, 2)).toBe(matrix);
    expect(lastOf(matrix.shape)).toBe(3);
    expect(tupleOf(['a', 'b'], 2)).toEqual(['a', 'b']);
    expect(zip([1, 2], ['a', 'b'])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });
});

describe('normalise', () => {
  it('rounds as ToTensor and Normalize do in float32, and pads with zeros', () => {
    const statistics = { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };
    const x = normalise(Uint8Array.from([0, 128, 255]), [2, 1, 1], statistics).dataSync();
    const { fround } = Math;
    const expected = (v: number, c: number) =>
      fround(fround(fround(v / 255) - fround(statistics.mean[c]!)) / fround(statistics.std[c]!));
    expect([...x]).toEqual([expected(0, 0), expected(128, 1), expected(255, 2), 0, 0, 0]);
  });
});
