import { readFileSync } from 'node:fs';
import { encodeOnnx } from '@mcld/models/formats/onnx-export.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { describe, expect, it } from 'vitest';
import { LOGITS } from './computer.js';
import { classesOfOutput, imageInput, inputKind } from './image-input.js';
import { onnxComputer } from './onnx-computer.js';

const statistics = { mean: [0, 0, 0], std: [1, 1, 1] };
/** One image of 1×2 pixels. */
const images = { pixels: Uint8Array.of(0, 51, 102, 153, 204, 255), height: 1, width: 2, statistics };

describe('a foreign model’s images', () => {
  it.each([
    ['uint8', [-1, 32, 32, 3], 'uint8-last'],
    ['float32', ['N', 3, 32, 32], 'float32-first'],
    ['float32', [1, 224, 224, 3], 'float32-last'],
  ] as const)('%s %j are %s', (type, shape, kind) => {
    expect(inputKind('x', type, shape)).toBe(kind);
  });

  it.each([
    ['int64', [-1, 3, 32, 32]],
    ['float32', [-1, 3072]],
    ['float32', [-1, 1, 28, 28]],
  ])('%s %j are none', (type, shape) => {
    expect(() => inputKind('x', type, shape)).toThrow(`input x is ${type} [${shape.join(', ')}]; expected float32`);
  });

  it('are laid out as it asks, zeros past the last', () => {
    const rounded = (kind: Parameters<typeof imageInput>[1]) =>
      [...imageInput(images, kind, 2).data].map((v) => Number(v.toFixed(4)));
    const zeros = [0, 0, 0, 0, 0, 0];
    expect(rounded('uint8-last')).toEqual([0, 51, 102, 153, 204, 255, ...zeros]);
    expect(rounded('float32-last')).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1, ...zeros]);
    expect(rounded('float32-first')).toEqual([0, 0.6, 0.2, 0.8, 0.4, 1, ...zeros]);
    expect(imageInput(images, 'float32-first', 2).shape).toEqual([2, 3, 1, 2]);
  });

  it('come out as logits of rank 2 with a known number of classes, or not at all', () => {
    expect(classesOfOutput('y', 'float32', ['N', 10])).toBe(10);
    for (const shape of [['N', 10, 1], ['N', 'C'], ['N']]) {
      expect(() => classesOfOutput('y', 'float32', shape)).toThrow('expected float32 [N, classes]');
    }
  });
});

describe('onnxruntime', () => {
  it('is given no model whose values lie in another file, which it would look for in the working folder', async () => {
    const model = readFileSync(new URL('../../../../packages/models/fixtures/onnx/exported.onnx', import.meta.url));
    await expect(onnxComputer(model, 4)).rejects.toThrow("lie in another file, 'exported.onnx.data'");
  });

  it('refuses what is not a model, and answers for fewer rows than its batch', async () => {
    await expect(onnxComputer(Uint8Array.of(8, 8, 7), 4)).rejects.toThrow('no ONNX model');
    await expect(onnxComputer(Uint8Array.of(8, 8), 4)).rejects.toThrow('onnxruntime refuses the model');
    const computer = await onnxComputer(encodeOnnx('resnet8', 5, initialState('resnet8', 5, 1), { fold: true }), 4);
    const pixels = Uint8Array.from({ length: 6 * 3072 }, (_, i) => (i * 7) % 256);
    const ask = (part: typeof pixels) => computer.compute({ pixels: part, height: 32, width: 32, statistics }, LOGITS);
    const all = await ask(pixels);
    const first = await ask(pixels.slice(0, 3072));
    expect([all.count, all.width, first.count]).toEqual([6, 5, 1]);
    expect(first.row(0)).toEqual(all.row(0));
    await computer.unload();
  });
});
