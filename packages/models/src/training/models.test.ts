import { createHash } from 'node:crypto';
import { sgd } from '@mcld/optimizers/sgd.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '../formats/safetensors.js';
import { InferenceNetwork } from '../layers/inference-network.js';
import { declareParameters } from '../layers/parameters.js';
import { assertStateOf, initialState, type StateDict } from '../layers/state-dict.js';
import { stochasticDepth } from './stochastic-depth.js';
import { TrainableNetwork } from './trainable-network.js';
import { Training } from './training.js';

beforeAll(() => {
  loadBackend('cpu');
});

const images = (batch: number) =>
  tf.tensor4d(
    Float32Array.from({ length: batch * 3072 }, (_, i) => Math.sin(i * 0.37)),
    [batch, 32, 32, 3],
  );

describe('declareParameters', () => {
  // Counts of the reference model zoo, and of the papers.
  it.each([
    ['resnet8', 83_892],
    ['resnet20', 278_324],
    ['resnet110', 1_736_564],
    ['resnet8x4', 1_233_540],
    ['resnet32x4', 7_433_860],
  ] as const)('%s has %i parameters for 100 classes', (model, size) => {
    expect(declareParameters(model, 100).size).toBe(size);
  });

  it('names them as PyTorch does', () => {
    const names = declareParameters('resnet8', 10).parameters.map(({ name }) => name);
    expect(names.slice(0, 6)).toEqual([
      'conv1.weight',
      'bn1.weight',
      'bn1.bias',
      'bn1.running_mean',
      'bn1.running_var',
      'layer1.0.conv1.weight',
    ]);
    expect(names).toContain('layer2.0.downsample.1.running_var');
    expect(names.slice(-2)).toEqual(['fc.weight', 'fc.bias']);
  });
});

const digest = (state: StateDict) => createHash('sha256').update(encodeSafetensors(state, {})).digest('hex');

describe('a network', () => {
  it.each([
    ['resnet8', 10],
    ['deit_tiny_patch4_32', 3],
  ] as const)('%s trains without keeping tensors, and its weights travel unchanged', (model, steps) => {
    const make = (weights: StateDict, slots?: Record<string, Float32Array>) =>
      new Training(
        new TrainableNetwork(model, 10),
        sgd.withOptions({ momentum: 0.9 }, 5e-4),
        ({ logits }, { y }: { y: tf.Tensor1D }) => ({ loss: crossEntropy(logits, y), report: { logits } }),
        weights,
        slots,
        stochasticDepth(model, 0.2, 1),
      );
    const x = images(4);
    const y = tf.tensor1d([1, 2, 3, 4], 'int32');
    const step = (training: ReturnType<typeof make>, at: number) => {
      const { logits } = training.step(x, { y }, { lr: 0.05 }, at);
      expect(logits.shape).toEqual([4, 10]);
      logits.dispose();
    };
    const training = make(initialState(model, 10, 1));
    step(training, 0);
    const before = tf.memory().numTensors;
    for (let i = 1; i < steps; i++) step(training, i);
    expect(tf.memory().numTensors).toBe(before);

    const file = encodeSafetensors(training.weights(), { model });
    const { tensors, metadata } = decodeSafetensors(file);
    expect(metadata).toEqual({ model });
    expect(digest(tensors)).toBe(digest(training.weights()));
    const momentum = training.network.trainable.flatten(training.slot('momentum'));
    const again = make(tensors, { momentum });
    step(training, steps);
    step(again, steps);
    expect(digest(again.weights())).toBe(digest(training.weights()));
    training.dispose();
    again.dispose();
  });

  it('folded gives the logits of batch norm with running statistics', () => {
    const state = initialState('resnet8', 10, 3);
    const network = new InferenceNetwork('resnet8', 10, state);
    const one = network.forward(images(1));
    const four = network.forward(images(4));
    expect(one.logits.shape).toEqual([1, 10]);
    expect(four.features.shape).toEqual([4, 64]);
    const [a, b] = [one.logits.dataSync(), four.logits.dataSync()];
    for (let c = 0; c < 10; c++) expect(a[c]).toBeCloseTo(b[c]!, 4);
  });
});

describe('weights of another model', () => {
  it('are refused by the first tensor that differs, with both shapes', () => {
    expect(() => assertStateOf('resnet8', 100, initialState('resnet8x4', 100, 0))).toThrow(
      'resnet8 has conv1.weight [16, 3, 3, 3], but the weights have it as [32, 3, 3, 3]',
    );
    expect(() => assertStateOf('resnet14', 100, initialState('resnet8', 100, 0))).toThrow(
      'resnet14 has layer1.1.conv1.weight [16, 16, 3, 3], but the weights have no such tensor',
    );
    expect(() => assertStateOf('resnet8', 100, initialState('resnet14', 100, 0))).toThrow('which resnet8 does not');
  });

  it('with values that are not numbers are refused', () => {
    const state = new Map(initialState('resnet8', 10, 0));
    state.set('fc.bias', { shape: [10], data: new Float32Array(10).fill(Number.NaN) });
    expect(() => assertStateOf('resnet8', 10, state)).toThrow(
      'fc.bias holds values that are not numbers (NaN): 10 of 10',
    );
  });
});

describe('a damaged safetensors file', () => {
  const good = encodeSafetensors(new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]]), {});
  const withHeader = (header: string) => {
    const json = Buffer.from(header);
    const file = Buffer.alloc(8 + json.length + 8);
    file.writeBigUInt64LE(BigInt(json.length));
    json.copy(file, 8);
    return file;
  };

  it.each([
    ['too short', Buffer.from('abc'), 'file of 3 bytes'],
    ['cut off', good.subarray(0, good.length - 1), 'its offsets say'],
    [
      'with a header longer than itself',
      Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 31, 0]), good]),
      'header length',
    ],
    ['with no JSON', withHeader('{nope'), 'header is no JSON object'],
    [
      'with offsets past its end',
      withHeader('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
      'needs 16 bytes',
    ],
    [
      'with overlapping tensors',
      withHeader(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      ),
      'begins at byte 4',
    ],
    ['with a negative shape', withHeader('{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}'), 'no valid shape'],
    ['of another type', withHeader('{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}'), 'weights are F32'],
    ['with a type that is none', withHeader('{"a":{"dtype":"toString","shape":[],"data_offsets":[0,8]}}'), 'dtype'],
    [
      'with metadata that is not text',
      withHeader('{"__metadata__":{"a":1},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
      'not an object of strings',
    ],
  ])('%s is refused', (_name, file, message) => {
    expect(() => decodeSafetensors(file)).toThrow(SafetensorsError);
    expect(() => decodeSafetensors(file)).toThrow(message);
  });
});
