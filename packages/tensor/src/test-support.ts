/** What tests of gradients share, here and in packages that build on this one. */
import { readdirSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { CompiledFunction } from './compiled.js';

export interface TestInput {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** One operation with a gradient of its own, and what it computes by its definition. */
export interface GradientRow {
  /** The custom gradient that it covers, as `customGradients` names it. */
  readonly of: string;
  readonly what: string;
  readonly inputs: readonly TestInput[];
  /** The operation, on one tensor an input. */
  readonly op: (...inputs: never[]) => tf.Tensor;
  /** The same by its definition, in double precision. */
  readonly exact: (...inputs: Float64Array[]) => ArrayLike<number>;
}

/** Numbers between −scale and scale without a pattern, the same each time. */
export function noise(shape: readonly number[], seed: number, scale = 1): TestInput {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    const h = Math.sin(12.9898 * i + 78.233 * seed) * 43758.5453;
    return scale * (2 * (h - Math.floor(h)) - 1);
  });
  return { shape, values };
}

/** Largest deviations of an operation, each relative to the largest value that is expected there. */
export interface GradientDeviations {
  readonly value: number;
  /** One an input. */
  readonly gradients: readonly number[];
}

/**
 * Compares an operation and its gradients, in float32, with its definition in double precision: its value, and each
 * element of the gradient of Σ c·op(x), c being noise, with a central difference of the definition. In double
 * precision a difference with h = 1e-5 is itself off by h²/6 of the third derivative and 1e-16/h of the sum: for
 * inputs no smaller than 0.01 by less than 1e-7 of the gradient. The rest is the operation's.
 * @param how op by op, or recorded and run as one graph, as a step is, where TensorFlow fuses ops
 */
export function gradientDeviations({ inputs, op, exact }: GradientRow, how: 'eager' | 'graph'): GradientDeviations {
  return tf.tidy(() => {
    const operation = (...tensors: tf.Tensor[]) => op(...(tensors as never[]));
    const xs = numbered(inputs.map(({ shape, values }) => tf.tensor(values, [...shape])));
    const { shape, size } = operation(...Object.values(xs));
    const c = noise([size], 999).values;
    const differentiate = (given: { xs: Numbered; c: tf.Tensor }) => ({
      value: operation(...Object.values(given.xs)),
      gradients: numbered(tf.grads(operation)(Object.values(given.xs), given.c)),
    });
    const compiled = new CompiledFunction(differentiate);
    const given = { xs, c: tf.tensor(c, shape) };
    const { value, gradients } = how === 'graph' ? compiled.run(given) : differentiate(given);
    compiled.dispose();
    const points = inputs.map(({ values }) => Float64Array.from(values));
    const sum = () => weightedSum(exact(...points), c);
    return {
      value: relativeDeviation(value.dataSync(), exact(...points)),
      gradients: Object.values(gradients).map((gradient, n) =>
        relativeDeviation(gradient.dataSync(), centralDifferences(points[n] ?? new Float64Array(), sum)),
      ),
    };
  });
}

type Numbered = Readonly<Record<string, tf.Tensor>>;

const numbered = (tensors: readonly tf.Tensor[]): Numbered => Object.fromEntries(tensors.entries());

const weightedSum = (values: ArrayLike<number>, weights: Float32Array): number =>
  weights.reduce((sum, weight, k) => sum + weight * (values[k] ?? Number.NaN), 0);

/** @param sum reads `point`, whose elements are moved one after the other and put back */
function centralDifferences(point: Float64Array, sum: () => number): Float64Array {
  const h = 1e-5;
  return point.map((x, i) => {
    const at = (moved: number) => {
      point[i] = moved;
      return sum();
    };
    const difference = (at(x + h) - at(x - h)) / (2 * h);
    point[i] = x;
    return difference;
  });
}

/** Largest |actual − expected| over the largest |expected|; NaN when the lengths differ or a value is NaN. */
function relativeDeviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  const deviations = Array.from(expected, (value, i) => Math.abs((actual[i] ?? Number.NaN) - value));
  return Math.max(...deviations) / Math.max(...Array.from(expected, Math.abs));
}

/**
 * The custom gradients in the sources of a folder, each by its file and the function that it stands in, sorted:
 * `activations.ts: gelu`; a second one in the same function has ` (2)` behind it.
 * @param folder a package's `src`; custom-grad.ts, through which all of them go, is none itself
 */
export function customGradients(folder: URL): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !/(\.test|test-support|custom-grad)\.ts$/.test(file),
  );
  return files.flatMap((file) => gradientsIn(file, readFileSync(new URL(file, folder), 'utf8'))).sort();
}

function gradientsIn(file: string, source: string): string[] {
  const names: string[] = [];
  let scope = '';
  for (const line of source.split('\n')) {
    scope = /^(?:export )?(?:function|const|class) (\w+)/.exec(line)?.[1] ?? scope;
    if (!/\bcustomGrad[<(]/.test(line)) continue;
    const name = `${file}: ${scope}`;
    const before = names.filter((other) => other.startsWith(name)).length;
    names.push(before === 0 ? name : `${name} (${before + 1})`);
  }
  return names;
}
