import { loadBackend } from '@mcld/tensor/backend.js';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { InferenceNetwork } from '../layers/inference-network.js';
import { initialState, type StateDict } from '../layers/state-dict.js';
import { type ModelName, modelNames, models } from '../zoo/registry.js';
import { encodeOnnx, type OnnxOptions } from './onnx-export.js';

beforeAll(() => {
  loadBackend('cpu');
});

const statistics = { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };

/** Initial weights with running statistics that are not 0 and 1, so that a forgotten norm shows. */
function weightsOf(model: ModelName): StateDict {
  return new Map(
    [...initialState(model, 10, 7)].map(([name, { shape, data }]) => {
      const moved = name.includes('running_') || name.endsWith('.bias');
      return [name, { shape, data: moved ? data.map((v, i) => v + 0.2 * Math.sin(i + name.length) ** 2) : data }];
    }),
  );
}

const pixelsOf = (rows: number, size: number) =>
  Uint8Array.from({ length: rows * size * size * 3 }, (_, i) => (i * 7 + (i >> 5)) % 256);

async function inOnnxruntime(file: Uint8Array, input: Tensor): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const { logits } = await session.run({ image: input });
  await session.release();
  return logits?.data as Float32Array;
}

/** [N, H, W, 3] of pixels to normalised [N, 3, H, W]. */
function channelsFirst(pixels: Uint8Array, rows: number, size: number): Float32Array {
  const values = new Float32Array(pixels.length);
  const area = size * size;
  for (let n = 0; n < rows; n++)
    for (let p = 0; p < area; p++)
      for (let c = 0; c < 3; c++)
        values[(n * 3 + c) * area + p] =
          ((pixels[(n * area + p) * 3 + c] as number) / 255 - (statistics.mean[c] as number)) /
          (statistics.std[c] as number);
  return values;
}

function here(model: ModelName, state: StateDict, values: Float32Array, rows: number, size: number): Float32Array {
  const network = new InferenceNetwork(model, 10, state);
  const images = tf.tidy(() => tf.transpose(tf.tensor4d(values, [rows, 3, size, size]), [0, 2, 3, 1]));
  const { features, logits } = network.forward(images);
  const found = logits.dataSync() as Float32Array;
  tf.dispose([images, features, logits]);
  network.dispose();
  return found;
}

function deviation(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const largest = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((v, i) => Math.abs(v - (b[i] as number)))) / largest;
}

describe('an exported student', () => {
  it.each(modelNames)('%s gives the same logits in onnxruntime', async (model) => {
    const state = weightsOf(model);
    const size = models[model].imageSize;
    const pixels = pixelsOf(2, size);
    const values = channelsFirst(pixels, 2, size);
    const expected = here(model, state, values, 2, size);
    const variants: [OnnxOptions, Tensor][] = [
      [{ fold: true }, new Tensor('float32', values, [2, 3, size, size])],
      [{ fold: false, normalisation: statistics }, new Tensor('uint8', pixels, [2, size, size, 3])],
    ];
    for (const [options, input] of variants) {
      const found = await inOnnxruntime(encodeOnnx(model, 10, state, options), input);
      expect(deviation(found, expected)).toBeLessThan(1e-4);
    }
  });

  it('carries its labels, as many as it has classes', () => {
    const state = initialState('resnet8', 2, 0);
    const file = encodeOnnx('resnet8', 2, state, { fold: true, labels: ['cat', 'dog'] });
    expect(Buffer.from(file).includes('["cat","dog"]')).toBe(true);
    expect(() => encodeOnnx('resnet8', 2, state, { fold: true, labels: ['cat'] })).toThrow('1 labels for 2 classes');
  });
});
