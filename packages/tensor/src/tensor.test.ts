import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from './backend.js';
import { batchNorm, type RunningStatistics } from './batch-norm.js';
import { CompiledFunction } from './compiled.js';
import { crossEntropy } from './cross-entropy.js';
import { concatFlat, splitFlat } from './flat-vector.js';
import { normalise } from './normalise.js';
import { adamW, type Optimizer, sgd, withAverage, withClipping } from './optimizer.js';

beforeAll(() => {
  loadBackend('cpu');
});

const wave = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + seed));

/** Steps of an optimiser from (1, −2, 0.5), gradients k·(0.5, −0.25, 1) in step k. */
function trace(optimizer: Optimizer, steps: number): { parameters: number[]; slots: number[][] } {
  let parameters = tf.tensor1d([1, -2, 0.5]);
  let slots: readonly tf.Tensor1D[] = optimizer.slots.map(({ initial }) =>
    initial === 'zeros' ? tf.zeros([3]) : parameters,
  );
  for (let k = 1; k <= steps; k++) {
    const controls = optimizer.controls({ lr: 0.1, momentum: 0.9 }, k - 1).map((value) => tf.scalar(value));
    const gradients = tf.tensor1d([0.5 * k, -0.25 * k, k]);
    ({ parameters, slots } = optimizer.update(parameters, gradients, slots, controls));
  }
  return { parameters: [...parameters.dataSync()], slots: slots.map((slot) => [...slot.dataSync()]) };
}

describe('an optimiser gives PyTorch’s numbers', () => {
  // torch 2.13, three steps with lr 0.1.
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
  it.each([
    [
      'SGD',
      sgd({ weightDecay: 0.01, nesterov: false }),
      [0.5191847681999207, -1.7511847019195557, -0.45322269201278687],
    ],
    [
      'SGD, Nesterov',
      sgd({ weightDecay: 0.01, nesterov: true }),
      [0.2648904621601105, -1.6203924417495728, -0.9581664204597473],
    ],
    ['AdamW', adamW(adam), [0.7049811482429504, -1.701984167098999, 0.20647962391376495]],
    [
      'SGD, gradients clipped to length 1',
      withClipping(sgd({ weightDecay: 0.01, nesterov: false }), 1),
      [0.7497639656066895, -1.8664742708206177, 0.007935624569654465],
    ],
    [
      'SGD, decay on the first parameter only',
      sgd({ weightDecay: Float32Array.of(0.01, 0, 0), nesterov: false }),
      [0.5191847681999207, -1.7622500658035278, -0.45100003480911255],
    ],
  ] as [string, Optimizer, number[]][])('%s', (_name, optimizer, expected) => {
    const { parameters } = trace(optimizer, 3);
    for (const [i, value] of expected.entries()) expect(parameters[i]).toBeCloseTo(value, 6);
  });

  it('keeps a moving average beside the parameters', () => {
    const plain = sgd({ weightDecay: 0, nesterov: false });
    const after = [0, 1, 2, 3].map((steps) => trace(plain, steps).parameters[0] as number);
    const average = after.slice(1).reduce((a, p) => 0.9 * a + 0.1 * p, after[0] as number);
    const found = trace(withAverage(plain, 0.9), 3);
    expect(found.slots.at(-1)?.[0]).toBeCloseTo(average, 6);
    expect(found.parameters[0]).toBeCloseTo(after[3] as number, 6);
  });
});

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
  const fn = ([a, b]: readonly tf.Tensor[]) => [tf.add(tf.mul(a!, b!), 1), tf.sum(a!)];

  it('gives what the function gives, for each shape of its inputs, and keeps no tensors', () => {
    const compiled = new CompiledFunction(fn);
    for (const size of [3, 5, 3]) {
      const inputs = [tf.tensor1d(wave(size, 1)), tf.tensor1d(wave(size, 2))];
      const expected = fn(inputs).map((tensor) => [...tensor.dataSync()]);
      compiled.run(inputs);
      const before = tf.memory().numTensors;
      const found = compiled.run(inputs);
      expect(found.map((tensor) => [...tensor.dataSync()])).toEqual(expected);
      tf.dispose(found);
      expect(tf.memory().numTensors).toBe(before);
    }
    compiled.dispose();
  });

  it('keeps what it uses besides its inputs as it was', () => {
    const captured = tf.tensor1d([1, 2]);
    const compiled = new CompiledFunction(([a]) => [tf.add(a!, captured)]);
    expect([...compiled.run([tf.tensor1d([1, 1])])[0]!.dataSync()]).toEqual([2, 3]);
    captured.dispose();
    expect([...compiled.run([tf.tensor1d([2, 2])])[0]!.dataSync()]).toEqual([3, 4]);
  });

  it('tells apart inputs that were one tensor when it was recorded', () => {
    const compiled = new CompiledFunction(([a, b]) => [tf.sub(a!, b!)]);
    const [x, y] = [tf.tensor1d([3]), tf.tensor1d([1])];
    expect([...compiled.run([x, tf.clone(x)])[0]!.dataSync()]).toEqual([0]);
    expect([...compiled.run([x, y])[0]!.dataSync()]).toEqual([2]);
  });

  it('must not read values', () => {
    const x = tf.tensor1d([1, 2]);
    expect(() => new CompiledFunction(([a]) => [tf.scalar(tf.sum(a!).dataSync()[0]!)]).run([x])).toThrow(
      'must not read the values',
    );
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
