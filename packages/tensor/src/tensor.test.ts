import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { relu } from './activations.js';
import { loadBackend } from './backend.js';
import { CompiledFunction } from './compiled.js';
import { conv2d } from './convolution.js';
import { crossEntropy } from './cross-entropy.js';
import { concatFlat, splitFlat } from './flat-vector.js';
import { normalise } from './normalise.js';
import { adamW, type Optimizer, sgd, withAverage, withClipping } from './optimizer.js';

beforeAll(() => {
  loadBackend('cpu');
});

const wave = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + seed));

/** Convolution by its definition, padding on both sides. */
function naiveConv(
  x: Float32Array,
  size: number,
  inputs: number,
  w: Float32Array,
  k: number,
  outputs: number,
  stride: number,
  padding: number,
) {
  const outSize = Math.floor((size + 2 * padding - k) / stride) + 1;
  const y = new Float32Array(outSize * outSize * outputs);
  for (let oy = 0; oy < outSize; oy++)
    for (let ox = 0; ox < outSize; ox++)
      for (let o = 0; o < outputs; o++) {
        let sum = 0;
        for (let ky = 0; ky < k; ky++)
          for (let kx = 0; kx < k; kx++) {
            const [iy, ix] = [oy * stride + ky - padding, ox * stride + kx - padding];
            if (iy < 0 || ix < 0 || iy >= size || ix >= size) continue;
            for (let i = 0; i < inputs; i++)
              sum += x[(iy * size + ix) * inputs + i]! * w[((ky * k + kx) * inputs + i) * outputs + o]!;
          }
        y[(oy * outSize + ox) * outputs + o] = sum;
      }
  return y;
}

describe('conv2d', () => {
  it.each([
    [8, 3, 1, 1],
    [8, 3, 2, 1],
    [7, 3, 2, 1],
    [8, 1, 2, 0],
    [8, 5, 2, 2],
  ])('of %i pixels, kernel %i, stride %i, padding %i pads as PyTorch does', (size, k, stride, padding) => {
    const [inputs, outputs] = [2, 3];
    const x = wave(size * size * inputs, 1);
    const w = wave(k * k * inputs * outputs, 2);
    const y = conv2d(tf.tensor4d(x, [1, size, size, inputs]), tf.tensor4d(w, [k, k, inputs, outputs]), {
      stride,
      padding,
    });
    const expected = naiveConv(x, size, inputs, w, k, outputs, stride, padding);
    expect(y.size).toBe(expected.length);
    const found = y.dataSync();
    for (let i = 0; i < expected.length; i++) expect(found[i]).toBeCloseTo(expected[i]!, 4);
  });

  it.each([
    [1, 1],
    [2, 1],
  ])('has the gradients of its definition (stride %i)', (stride, padding) => {
    const x = tf.tensor4d(wave(2 * 6 * 6 * 2, 3), [2, 6, 6, 2]);
    const w = tf.tensor4d(wave(3 * 3 * 2 * 2, 4), [3, 3, 2, 2]);
    const loss = (a: tf.Tensor, b: tf.Tensor) =>
      tf.sum(tf.square(conv2d(a as tf.Tensor4D, b as tf.Tensor4D, { stride, padding }))) as tf.Scalar;
    const [dx, dw] = tf.grads((a, b) => loss(a!, b!))([x, w]);
    const h = 1e-2;
    for (const [tensor, gradient, at] of [
      [x, dx!, 17],
      [w, dw!, 5],
    ] as const) {
      const moved = (delta: number) => {
        const data = tensor.dataSync().slice();
        data[at]! += delta;
        const other = tf.tensor4d(data, tensor.shape);
        return (tensor === x ? loss(other, w) : loss(x, other)).dataSync()[0]!;
      };
      const numeric = (moved(h) - moved(-h)) / (2 * h);
      expect(Math.abs(gradient.dataSync()[at]! - numeric)).toBeLessThan(0.02 * Math.max(1, Math.abs(numeric)));
    }
  });
});

describe('relu', () => {
  it('passes gradients where it is positive', () => {
    const x = tf.tensor4d([-1, 2, -3, 4], [1, 1, 1, 4]);
    expect([
      ...tf
        .grad((z) => tf.sum(relu(z as tf.Tensor4D)))(x)
        .dataSync(),
    ]).toEqual([0, 1, 0, 1]);
  });
});

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
