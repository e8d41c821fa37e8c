import { loadBackend } from '@mcld/tensor/backend.js';
import { customGradients, type GradientRow, gradientDeviations, noise } from '@mcld/tensor/test-support.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { infoNce } from './info-nce.js';
import { MASKED } from './softened.js';
import { unitRows } from './unit-rows.js';

beforeAll(() => {
  loadBackend('cpu');
});

// Of the largest element: ten times what rounding to float32 costs here.
const TOLERANCE = 5e-6;

const unitRowsRow: GradientRow = {
  of: 'unit-rows.ts: unitRows',
  what: 'rows of length 1',
  inputs: [noise([4, 5], 1)],
  op: unitRows,
  exact: (x) => x.map((value, at) => value / Math.hypot(...x.subarray(at - (at % 5), at - (at % 5) + 5))),
};

const [N, D] = [4, 3];
const others = noise([N, D], 2).values;
/** Row 1 is not compared with row 0, nor row 3 with row 1. */
const mask = Float32Array.from({ length: N * N }, (_, at) => (at === N || at === 3 * N + 1 ? MASKED : 0));
/** Rows of sum 1, zero where the mask is on. */
const positives = [0.5, 0.25, 0.25, 0, 0, 1, 0, 0, 0.25, 0.25, 0.25, 0.25, 0, 0, 0.5, 0.5];

function infoNceRow(what: string, masked: boolean, several: boolean): GradientRow {
  return {
    of: 'info-nce.ts: infoNce',
    what: `InfoNCE ${what}`,
    inputs: [noise([N, D], 1)],
    op: (u: tf.Tensor2D) =>
      infoNce(u, tf.tensor2d(others, [N, D]), {
        ...(masked && { mask: tf.tensor2d(mask, [N, N]) }),
        ...(several && { positives: tf.tensor2d(positives, [N, N]) }),
      }),
    exact: (u) => {
      const rows = [...Array(N).keys()];
      const similarity = (i: number, j: number) =>
        [...Array(D).keys()].reduce((sum, d) => sum + u[i * D + d]! * others[j * D + d]!, 0);
      const share = (i: number, j: number) => (several ? positives[i * N + j]! : Number(i === j));
      const lossOf = (i: number) => {
        const candidates = rows.filter((j) => !masked || mask[i * N + j] === 0);
        const logSum = Math.log(candidates.reduce((sum, j) => sum + Math.exp(similarity(i, j)), 0));
        return logSum - rows.reduce((sum, j) => sum + share(i, j) * similarity(i, j), 0);
      };
      return [rows.reduce((sum, i) => sum + lossOf(i), 0) / N];
    },
  };
}

const rows: GradientRow[] = [
  unitRowsRow,
  infoNceRow('of pairs', false, false),
  infoNceRow('of pairs, some rows left out', true, false),
  infoNceRow('of several positives', false, true),
  infoNceRow('of several positives, some rows left out', true, true),
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
});
