import { loadBackend } from '@mcld/tensor/backend.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DistillerInput, totalOf } from './distiller.js';
import { distillerNames } from './facts.js';
import { categoryLoss, instanceLoss, mcld, sampleLoss } from './mcld.js';
import { distillers } from './registry.js';
import { softenedKl } from './softened.js';

beforeAll(() => {
  loadBackend('cpu');
});

const noise = (n: number, seed: number, scale = 2) =>
  Float32Array.from(
    { length: n },
    (_, i) => scale * Math.sin((i + 1) * 12.9898 + seed * 78.233) * Math.cos(i * 3.7 + seed),
  );

function batch(b: number, c: number, targets: number[], s = noise(b * c, 1), t = noise(b * c, 2)): DistillerInput {
  const [zs, y] = [tf.tensor2d(s, [b, c]), tf.tensor1d(targets, 'int32')];
  const zt = tf.tensor2d(t, [b, c]);
  return { zs, zt, y, epoch: tf.scalar(1), step: tf.scalar(1), crossEntropy: () => crossEntropy(zs, y) };
}

const cosine = { tau: 0.1, similarity: 'cosine' } as const;
const scalarOf = (scalar: tf.Scalar) => scalar.dataSync()[0] as number;

describe('terms that make no loss', () => {
  it.each([
    [() => ({}), 'the distiller gives no loss term'],
    [() => ({ total: { value: tf.scalar(1), weight: 1 } }), "a loss term is called 'total', as their sum is"],
    [
      () => ({ reg: { value: tf.ones([64]), weight: 1 } }),
      "the value of the loss term 'reg' is a tensor of shape [64]; expected a scalar, as of tf.mean",
    ],
    [
      () => ({ reg: { value: tf.scalar(1), weight: tf.ones([2]) } }),
      "the weight of the loss term 'reg' is a tensor of shape [2]; expected a scalar",
    ],
    [() => ({ reg: { value: 3, weight: 1 } }), "the value of the loss term 'reg' is number; expected a scalar"],
  ])('are refused: %#', (terms, message) => {
    expect(() => totalOf(terms() as never)).toThrow(message);
  });
});

describe('mcld terms', () => {
  it('are not negative', () => {
    const input = batch(6, 5, [0, 1, 1, 2, 4, 0]);
    for (const term of [
      instanceLoss(input, { ...cosine, mask: true }),
      instanceLoss(input, { ...cosine, mask: false }),
      sampleLoss(input, cosine),
      categoryLoss(input, cosine),
    ]) {
      expect(scalarOf(term)).toBeGreaterThanOrEqual(0);
    }
  });

  it('do not change when rows of both sides are permuted together', () => {
    const { zs, zt, y } = batch(4, 5, [0, 1, 1, 2]);
    const order = tf.tensor1d([2, 0, 3, 1], 'int32');
    const permuted = { zs: tf.gather(zs, order), zt: tf.gather(zt, order), y: tf.gather(y, order) };
    const options = { ...cosine, mask: true };
    expect(scalarOf(instanceLoss(permuted, options))).toBeCloseTo(scalarOf(instanceLoss({ zs, zt, y }, options)), 5);
  });

  it('with cosine do not change when a row or a column is scaled', () => {
    const input = batch(4, 5, [0, 1, 1, 2]);
    const rows = { ...input, zs: tf.mul(input.zs, tf.tensor2d([1, 3, 0.5, 7], [4, 1])) as tf.Tensor2D };
    const columns = { ...input, zs: tf.mul(input.zs, tf.tensor2d([1, 3, 0.5, 7, 2], [1, 5])) as tf.Tensor2D };
    expect(scalarOf(sampleLoss(rows, cosine))).toBeCloseTo(scalarOf(sampleLoss(input, cosine)), 5);
    expect(scalarOf(categoryLoss(columns, cosine))).toBeCloseTo(scalarOf(categoryLoss(input, cosine)), 5);
  });

  it('instance level is 0 when all targets are equal and the mask is on', () => {
    expect(scalarOf(instanceLoss(batch(4, 5, [3, 3, 3, 3]), { ...cosine, mask: true }))).toBeCloseTo(0, 6);
  });

  it('give the category level its weight over the warm-up', () => {
    const distil = mcld.withOptions({ warmupEpochs: 4 });
    const weights = [0, 1, 4, 9].map((epoch) =>
      scalarOf(distil({ ...batch(2, 3, [0, 1]), epoch: tf.scalar(epoch) }).category?.weight as tf.Scalar),
    );
    expect(weights).toEqual([0, 0.25, 1, 1]);
  });
});

describe('kd', () => {
  it('is 0 where student and teacher agree', () => {
    const { zs } = batch(3, 4, [0, 1, 2]);
    expect(scalarOf(softenedKl(zs, zs, 4))).toBeCloseTo(0, 6);
  });
});

const constantColumn = noise(20, 3).map((v, i) => (i % 5 === 2 ? 1.5 : v));
const zeroColumn = noise(20, 3).map((v, i) => (i % 5 === 2 ? 0 : v));
const cases: [string, DistillerInput][] = [];
beforeAll(() => {
  cases.push(
    ['random', batch(4, 5, [0, 1, 1, 2])],
    ['tied logits', batch(4, 5, [0, 1, 2, 3], new Float32Array(20).fill(1), new Float32Array(20).fill(2))],
    ['constant column', batch(4, 5, [0, 1, 2, 3], constantColumn)],
    ['zero column', batch(4, 5, [0, 1, 2, 3], zeroColumn)],
    ['B = 1', batch(1, 5, [2])],
    ['one class', batch(4, 5, [1, 1, 1, 1])],
    ['±40', batch(4, 5, [0, 1, 2, 3], noise(20, 4, 40), noise(20, 5, 40))],
  );
});

describe.each(distillerNames)('%s', (name) => {
  const variants =
    name === 'mcld'
      ? [{}, { similarity: 'dot', tauInstance: 2, tauSample: 2, tauCategory: 2 }, { targetMask: false }]
      : name === 'combination'
        ? [
            {
              parts: [
                { name: 'kd', partWarmupEpochs: 3 },
                { name: 'mcld', weight: 2 },
              ],
            },
          ]
        : [{}];

  it('has finite values, and gradients that agree with central differences', () => {
    for (const options of variants) {
      const distil = distillers[name].withOptions(options);
      for (const [label, input] of cases) {
        const loss = (z: tf.Tensor) => {
          const zs = z as tf.Tensor2D;
          return totalOf(distil({ ...input, zs, crossEntropy: () => crossEntropy(zs, input.y) }));
        };
        const analytic = tf.grad(loss)(input.zs).dataSync() as Float32Array;
        expect(analytic.every(Number.isFinite), `${label} gradient`).toBe(true);
        expect(Number.isFinite(scalarOf(loss(input.zs) as tf.Scalar)), `${label} value`).toBe(true);
        // At an exact zero a norm has a corner: central differences say nothing there. clkd's columns
        // are centred first, so that a constant one is zero.
        if (label === 'zero column' || (name === 'clkd' && label === 'constant column')) continue;
        const direction = noise(analytic.length, 9, 1);
        const h = 2e-3;
        const along = (sign: number) =>
          scalarOf(
            loss(
              tf.add(
                input.zs,
                tf.tensor2d(
                  direction.map((d) => sign * h * d),
                  input.zs.shape,
                ),
              ),
            ) as tf.Scalar,
          );
        const numeric = (along(1) - along(-1)) / (2 * h);
        const expected = analytic.reduce((sum, g, i) => sum + g * (direction[i] as number), 0);
        const scale = Math.max(1, Math.abs(expected), Math.abs(scalarOf(loss(input.zs) as tf.Scalar)));
        expect(Math.abs(numeric - expected) / scale, `${label} ${JSON.stringify(options)}`).toBeLessThan(5e-3);
      }
    }
  });
});
