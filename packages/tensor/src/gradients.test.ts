import { readdirSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { gelu, relu, relu6 } from './activations.js';
import { loadBackend } from './backend.js';
import { batchNorm, type RunningStatistics } from './batch-norm.js';
import { addBias, conv2d, denseFromGroups, depthwiseConv2d } from './convolution.js';
import { crossEntropy } from './cross-entropy.js';
import { BATCH_NORM_EPSILON } from './epsilon.js';
import { layerNorm } from './layer-norm.js';
import { linear } from './linear.js';
import { customGradients, type GradientRow, gradientDeviations, noise, type TestInput } from './test-support.js';

beforeAll(() => {
  loadBackend('cpu');
});

// Of the largest element. Rounding to float32 in sums of up to a hundred products costs 4e-7 at the most here
// (AVX-512); a gradient that lacks a term is off by tenths.
const TOLERANCE = 5e-6;

const indices = (count: number): number[] => [...Array(count).keys()];
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

interface Convolution {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups?: number;
  readonly ins: number;
  readonly outs: number;
}

/** A convolution of 2 images by its definition: NHWC, weights HWIO, groups as PyTorch has them. */
function convolution({ size, kernel, stride, padding, groups = 1, ins, outs }: Convolution) {
  const [batch, perGroup] = [2, ins / groups];
  const across = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const exact = (x: Float64Array, w: Float64Array): number[] => {
    const pixel = (n: number, row: number, column: number, channel: number) =>
      Math.min(row, column) < 0 || Math.max(row, column) >= size
        ? 0
        : x[((n * size + row) * size + column) * ins + channel]!;
    return indices(batch * across * across * outs).map((at) => {
      const [out, column, row] = [at % outs, Math.floor(at / outs) % across, Math.floor(at / outs / across) % across];
      const n = Math.floor(at / outs / across / across);
      const first = Math.floor(out / (outs / groups)) * perGroup;
      let sum = 0;
      for (let ky = 0; ky < kernel; ky++)
        for (let kx = 0; kx < kernel; kx++)
          for (let i = 0; i < perGroup; i++)
            sum +=
              pixel(n, row * stride + ky - padding, column * stride + kx - padding, first + i) *
              w[((ky * kernel + kx) * perGroup + i) * outs + out]!;
      return sum;
    });
  };
  const image = noise([batch, size, size, ins], 1);
  const weight = noise([kernel, kernel, perGroup, outs], 2);
  return { image, weight, exact, options: { stride, padding } };
}

const denseConvolutions: [string, Convolution][] = [
  ['3×3', { size: 5, kernel: 3, stride: 1, padding: 1, ins: 3, outs: 4 }],
  ['3×3 in steps of 2 over an even size', { size: 6, kernel: 3, stride: 2, padding: 1, ins: 3, outs: 4 }],
  ['3×3 in steps of 2 over an odd size', { size: 7, kernel: 3, stride: 2, padding: 1, ins: 2, outs: 3 }],
  ['1×1 in steps of 2', { size: 6, kernel: 1, stride: 2, padding: 0, ins: 4, outs: 3 }],
  ['5×5 in steps of 2', { size: 8, kernel: 5, stride: 2, padding: 2, ins: 2, outs: 3 }],
  ['7×7 in steps of 2', { size: 9, kernel: 7, stride: 2, padding: 3, ins: 2, outs: 2 }],
  ['patches of 4×4', { size: 8, kernel: 4, stride: 4, padding: 0, ins: 3, outs: 5 }],
];

function convolutionRows(): GradientRow[] {
  const of = 'convolution.ts: convolve (2)';
  const dense = denseConvolutions.map(([what, shape]): GradientRow => {
    const { image, weight, exact, options } = convolution(shape);
    const op = (x: tf.Tensor4D, w: tf.Tensor4D) => conv2d(x, w, options);
    return { of, what: `a convolution, ${what}`, inputs: [image, weight], op, exact };
  });
  const depthwise = [1, 2].map((stride): GradientRow => {
    const shape = { size: 6, kernel: 3, stride, padding: 1, groups: 5, ins: 5, outs: 5 };
    const { image, weight, exact, options } = convolution(shape);
    const op = (x: tf.Tensor4D, w: tf.Tensor4D) => depthwiseConv2d(x, w, options);
    return { of, what: `a depthwise convolution in steps of ${stride}`, inputs: [image, weight], op, exact };
  });
  return [...dense, ...depthwise, groupedConvolution(of), firstConvolution()];
}

function groupedConvolution(of: string): GradientRow {
  const groups = 3;
  const shape = { size: 4, kernel: 1, stride: 1, padding: 0, groups, ins: 6, outs: 9 };
  const { image, weight, exact, options } = convolution(shape);
  const op = (x: tf.Tensor4D, w: tf.Tensor4D) => conv2d(x, denseFromGroups(w, groups), options);
  return { of, what: 'a convolution in 3 groups', inputs: [image, weight], op, exact };
}

/** Of the image, whose gradient nobody asks for. */
function firstConvolution(): GradientRow {
  const shape = { size: 6, kernel: 3, stride: 2, padding: 1, ins: 3, outs: 4 };
  const { image, weight, exact, options } = convolution(shape);
  return {
    of: 'convolution.ts: convolve',
    what: 'the first convolution',
    inputs: [weight],
    op: (w: tf.Tensor4D) => {
      const x = tf.tensor(image.values, [...image.shape]);
      return conv2d(x as tf.Tensor4D, w, options, false);
    },
    exact: (w) => exact(Float64Array.from(image.values), w),
  };
}

const biasRows = [
  [2, 3, 3, 4],
  [5, 4],
].map((shape): GradientRow => {
  const inputs = [noise(shape, 1), noise([4], 2)];
  const exact = (y: Float64Array, bias: Float64Array) => y.map((value, at) => value + bias[at % 4]!);
  return { of: 'convolution.ts: addBias', what: `a bias in ${shape.length} dimensions`, inputs, op: addBias, exact };
});

function linearRow(): GradientRow {
  const [rows, ins, outs] = [3, 5, 4];
  return {
    of: 'linear.ts: linear',
    what: 'a linear layer',
    inputs: [noise([rows, ins], 1), noise([outs, ins], 2), noise([outs], 3)],
    op: linear,
    exact: (x, w, bias) =>
      indices(rows * outs).map((at) => {
        const [row, out] = [Math.floor(at / outs), at % outs];
        return indices(ins).reduce((sum, i) => sum + x[row * ins + i]! * w[out * ins + i]!, bias[out]!);
      }),
  };
}

/** Each group's values less their mean, over their biased standard deviation. @param groups of places in `x` */
function normalised(x: Float64Array, epsilon: number, groups: readonly (readonly number[])[]): Float64Array {
  const y = new Float64Array(x.length);
  for (const group of groups) {
    const centre = mean(group.map((at) => x[at]!));
    const variance = mean(group.map((at) => (x[at]! - centre) ** 2));
    for (const at of group) y[at] = (x[at]! - centre) / Math.sqrt(variance + epsilon);
  }
  return y;
}

/** @param channels 8 for oneDNN's kernel, another number for the plain one; see models' `TrainingLayers` */
function batchNormRow(channels: number): GradientRow {
  const shape = [3, 2, 2, channels];
  const groups = indices(channels).map((channel) => indices(12).map((place) => place * channels + channel));
  return {
    of: 'batch-norm.ts: batchNorm',
    what: `a batch norm of ${channels} channels in training mode`,
    // So small that ε matters.
    inputs: [noise(shape, 1, 0.05), noise([channels], 2), noise([channels], 3)],
    op: (x: tf.Tensor4D, scale: tf.Tensor1D, shift: tf.Tensor1D) =>
      batchNorm(x, [scale, shift], initialStatistics(channels), () => {}),
    exact: (x, scale, shift) =>
      normalised(x, BATCH_NORM_EPSILON, groups).map(
        (value, at) => value * scale[at % channels]! + shift[at % channels]!,
      ),
  };
}

const initialStatistics = (channels: number): RunningStatistics => ({
  mean: tf.zeros([channels]),
  variance: tf.ones([channels]),
});

function layerNormRow(shape: readonly number[], epsilon: number): GradientRow {
  const channels = shape.at(-1)!;
  const input = noise(shape, 1);
  const groups = indices(input.values.length / channels).map((row) => indices(channels).map((c) => row * channels + c));
  return {
    of: 'layer-norm.ts: layerNorm',
    what: `a layer norm in ${shape.length} dimensions`,
    inputs: [input, noise([channels], 2), noise([channels], 3)],
    op: (x: tf.Tensor, scale: tf.Tensor1D, shift: tf.Tensor1D) => layerNorm(x, scale, shift, epsilon),
    exact: (x, scale, shift) =>
      normalised(x, epsilon, groups).map((value, at) => value * scale[at % channels]! + shift[at % channels]!),
  };
}

/** Its Taylor series: exact to 1e-14 for |x| < 2.2. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** −2.95, −2.75, −2.55 …: never nearer than 0.05 to the corners at 0 and 6. */
const ramp = (rows: number): TestInput => ({
  shape: [rows, 10],
  values: Float32Array.from({ length: 10 * rows }, (_, i) => -2.95 + i / 5),
});

const activationRows: GradientRow[] = [
  {
    of: 'activations.ts: rectified',
    what: 'ReLU away from its corner',
    inputs: [ramp(3)],
    op: relu,
    exact: (x) => x.map((value) => Math.max(value, 0)),
  },
  {
    of: 'activations.ts: rectified',
    what: 'ReLU6 away from its corners',
    inputs: [ramp(6)],
    op: relu6,
    exact: (x) => x.map((value) => Math.min(Math.max(value, 0), 6)),
  },
  {
    of: 'activations.ts: gelu',
    what: 'GELU',
    inputs: [ramp(3)],
    op: gelu,
    exact: (x) => x.map((value) => (value * (1 + erf(value / Math.SQRT2))) / 2),
  },
];

function crossEntropyRow(what: string, smoothing: number, scale: number): GradientRow {
  const [rows, classes] = [4, 5];
  const labels = [0, 3, 3, 4];
  return {
    of: 'cross-entropy.ts: crossEntropy',
    what: `cross-entropy ${what}`,
    inputs: [noise([rows, classes], 1, scale)],
    op: (z: tf.Tensor2D) => crossEntropy(z, tf.tensor1d(labels, 'int32'), smoothing),
    exact: (z) => [
      mean(
        labels.map((label, row) => {
          const logit = [...z.subarray(row * classes, (row + 1) * classes)];
          const most = Math.max(...logit);
          const logSum = most + Math.log(logit.reduce((sum, value) => sum + Math.exp(value - most), 0));
          return (1 - smoothing) * (logSum - logit[label]!) + smoothing * mean(logit.map((value) => logSum - value));
        }),
      ),
    ],
  };
}

const rows: GradientRow[] = [
  ...convolutionRows(),
  ...biasRows,
  linearRow(),
  batchNormRow(8),
  batchNormRow(6),
  layerNormRow([4, 12], 1e-6),
  layerNormRow([2, 3, 6], 1e-3),
  ...activationRows,
  crossEntropyRow('of hard labels', 0, 3),
  crossEntropyRow('of smoothed labels', 0.1, 3),
  crossEntropyRow('of logits up to ±40', 0, 40),
];

describe('value and gradient agree with the definition and its central differences:', () => {
  describe.each(['eager', 'graph'] as const)('%s', (how) => {
    it.each(rows.map((row) => [row.what, row] as const))('%s', (_what, row) => {
      const { value, gradients } = gradientDeviations(row, how);
      expect(gradients).toHaveLength(row.inputs.length);
      for (const deviation of [value, ...gradients]) expect(deviation).toBeLessThan(TOLERANCE);
    });
  });

  it('each custom gradient of this package has a row', () => {
    const covered = new Set(rows.map(({ of }) => of));
    expect([...covered].sort()).toEqual(customGradients(new URL('../src/', import.meta.url)));
  });

  it('other packages leave custom gradients to this one, or have a table of their own', () => {
    const withGradients = ['packages', 'services'].flatMap((folder) => {
      const root = new URL(`../../../${folder}/`, import.meta.url);
      return readdirSync(root).filter((name) => customGradients(new URL(`${name}/src/`, root)).length > 0);
    });
    expect(withGradients.sort()).toEqual(['distillers', 'tensor']);
  });
});
