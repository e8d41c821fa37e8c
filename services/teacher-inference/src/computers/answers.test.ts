import { Rows } from '@mcld/platform/rows.js';
import { describe, expect, it } from 'vitest';
import { assertNumbers, differenceOf, isConstant, isSame, squashing } from './answers.js';
import { foreignLogits } from './foreign-model.js';

const row = (...values: number[]) => Float32Array.from(values);

describe('squashing', () => {
  it.each([
    ['logits', [row(2, -1, 0.5), row(0.2, 0.3, 0.5)], undefined],
    ['logits that are never negative', [row(2, 0, 0.5), row(0.2, 0.3, 0.5)], undefined],
    ['logarithms of probabilities', [row(-0.5, -1.2, -2.4), row(-3, -0.1, -4)], undefined],
    ['softmax', [row(0.7, 0.2, 0.1), row(0, 0, 1)], 'softmax'],
    ['softmax in a coarse number format', [row(0.703, 0.203, 0.102), row(0.33, 0.328, 0.33)], 'softmax'],
    ['percents', [row(70, 20, 10), row(0, 0, 100)], 'softmax'],
    ['sigmoids', [row(0.9, 0.8, 0.1), row(0.01, 0.02, 0.9)], 'sigmoid'],
  ] as const)('%s', (_name, rows, expected) => {
    expect(squashing(rows)).toBe(expected);
  });
});

describe('the same answer to every image', () => {
  const [dark, light] = [Uint8Array.of(0, 0, 0), Uint8Array.of(0, 0, 9)];
  const answer = Float32Array.of(1, -700, 0);

  it.each([
    [true, 'different images', [dark, light], [answer, answer]],
    [true, 'a GPU’s last bits', [dark, light], [answer, Float32Array.of(1, -700.0001, 1e-8)]],
    [false, 'images that are the same', [dark, dark.slice()], [answer, answer]],
    [false, 'one image', [dark], [answer]],
    [false, 'answers that differ a little', [dark, light], [answer, Float32Array.of(1.0001, -700, 0)]],
  ])('is %s for %s', (expected, _what, images, rows) => {
    expect(isConstant(images, rows)).toBe(expected);
  });
});

describe('the difference of two answers', () => {
  const answer = [row(4, -2, 1), row(-3, 5, 0)];
  const beside = (other: Float32Array[]) => answer.map((one, i) => [one, other[i]!] as const);

  it('is measured by how far an answer’s own values lie apart', () => {
    const shifted = differenceOf(beside(answer.map((values) => values.map((value) => value + 0.3))));
    expect(shifted.largest).toBeCloseTo(0.3, 6);
    // Rows about their means 1 and 2/3: √((9 + 9 + 0 + 13.444 + 18.778 + 0.444) / 6) = 2.9059.
    expect(shifted.relative).toBeCloseTo(0.3 / 2.9059, 4);
  });

  it('is none of one model: noise of kernels and half precision; and is one of another', () => {
    const changed = (by: number) =>
      beside(answer.map((values) => values.map((value, i) => value + by * Math.sin(i + 1))));
    expect(isSame(differenceOf(beside(answer)))).toBe(true);
    expect(isSame(differenceOf(changed(0.01)))).toBe(true);
    expect(isSame(differenceOf(changed(0.3)))).toBe(false);
    expect(isSame(differenceOf([[row(1, 1), row(1, 1.001)]]))).toBe(false);
    expect(isSame(differenceOf([]))).toBe(true);
  });

  it('is that of the values that were kept, where only the greatest were', () => {
    const kept = [row(4, -9, -9), row(-9, 5, -9)];
    expect(differenceOf(beside(kept), 1)).toEqual({ relative: 0, largest: 0 });
    expect(differenceOf(beside(kept), 2).largest).toBe(7);
  });
});

it('answers that are not numbers are refused by image and class', () => {
  const rows = new Rows(Float32Array.of(0, 1, 2, 0, Number.NaN, 1), 3);
  expect(() => assertNumbers(rows, { model: 'onnx' }, (i) => `image ${i + 40}`)).toThrow(
    'the teacher (onnx) answers to image 41 with NaN for class 1; a student cannot learn from that',
  );
});

describe('a foreign model', () => {
  const images = {
    pixels: Uint8Array.from({ length: 5 * 3 }, (_, i) => i),
    ...{ height: 1, width: 1, statistics: { mean: [0, 0, 0], std: [1, 1, 1] } },
  };
  const model = { kind: 'uint8-last', output: 'y', classes: 2, rows: 2 } as const;

  it('is asked in batches of one size, the last filled up', async () => {
    const asked: number[][] = [];
    const logits = await foreignLogits(images, {
      ...model,
      async run(data, shape) {
        asked.push([...data]);
        return { values: row(data[0]!, data[1]!, data[3]!, data[4]!), shape: [shape[0]!, 2] };
      },
    });
    expect(asked).toEqual([
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10, 11],
      [12, 13, 14, 0, 0, 0],
    ]);
    expect([...logits.values]).toEqual([0, 1, 3, 4, 6, 7, 9, 10, 12, 13]);
  });

  it('whose output does not follow the batch is refused', async () => {
    const run = async () => ({ values: row(1, 2, 3, 4), shape: [1, 4] });
    await expect(foreignLogits(images, { ...model, run })).rejects.toThrow(
      'output y is [1, 4] with 4 values for 2 images; expected [2, 2]',
    );
  });
});
