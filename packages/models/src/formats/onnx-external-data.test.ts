import { readFileSync } from 'node:fs';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { TensorOutline } from '@mcld/contracts/onnx/model.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { assertSelfContained, externalTensors, mayBeOnnx, withValuesInside } from './onnx-external-data.js';
import { assertOnnxClassifier } from './onnx-import.js';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/onnx/${name}`, import.meta.url));

/** The model with what lies in its one data file. */
function whole(model: Uint8Array, data: Uint8Array): Uint8Array {
  const values = externalTensors(model).map(({ offset, bytes }) => data.subarray(offset, offset + bytes));
  return withValuesInside(model, values);
}

/** torch: `made()(torch.full((1, 3, 32, 32), 0.5))`, the first six. */
const LOGITS = [3.4784, -2.6574, 1.3335, 2.4957, 0.3764, 6.1242];

/** A message of one field. */
const message = (field: number, ...contents: Uint8Array[]) =>
  contents.reduce((writer, content) => writer.uint32((field << 3) | 2).bytes(content), new BinaryWriter()).finish();

/** A model with one initializer: 2×3 values of a type in `weights.bin`, unless told otherwise. */
function modelWith(about: Partial<TensorOutline> & { entries?: Record<string, string> } = {}): Uint8Array {
  const { entries = { location: 'weights.bin' }, ...rest } = about;
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  const tensor = { dims: [2, 3], dataType: 1, name: 'fc.weight', externalData, dataLocation: 1, ...rest };
  return message(7, message(5, TensorOutline.encode(tensor).finish()));
}

describe('values in another file', () => {
  it('are found in every place that ONNX has for tensors, and come in without a change to anything else', () => {
    const model = fixture('everywhere.onnx');
    const found = externalTensors(model);
    expect(found.map(({ name }) => name)).toEqual([
      ...['a tensor without a name', 'tensor else', 'tensor then', 'tensor sparse', 'tensor places', 'tensor weight'],
      ...['tensor spare', 'tensor at', 'tensor in_training', 'tensor in_function'],
    ]);
    expect(found[5]).toEqual({
      ...{ name: 'tensor weight', location: 'values/all.bin', offset: 80, bytes: 48, checksum: undefined },
    });
    const inside = whole(model, fixture('values/all.bin'));
    expect(Buffer.from(inside).equals(fixture('everywhere.inside.onnx'))).toBe(true);
    expect(externalTensors(inside)).toEqual([]);
  });

  it('of torch’s default export give its logits in onnxruntime, which has only these bytes', async () => {
    const model = fixture('exported.onnx');
    expect(() => assertOnnxClassifier(model)).toThrow('lie in another file');
    const inside = whole(model, fixture('exported.onnx.data'));
    assertOnnxClassifier(inside);
    const session = await InferenceSession.create(inside, { logSeverityLevel: 3 });
    const image = new Tensor('float32', new Float32Array(3072).fill(0.5), [1, 3, 32, 32]);
    const results = await session.run({ [session.inputNames[0]!]: image });
    const logits = results[session.outputNames[0]!]!.data as Float32Array;
    for (const [i, value] of LOGITS.entries()) expect(logits[i]).toBeCloseTo(value, 3);
    await session.release();
  });

  it('change nothing where there are none', () => {
    const model = fixture('softmax.onnx');
    expect(withValuesInside(model, [])).toBe(model);
  });

  it('are taken with offset and length absent or 0, the last of two entries, and types of less than a byte', () => {
    expect(externalTensors(modelWith())).toEqual([
      { name: 'tensor fc.weight', location: 'weights.bin', offset: 0, bytes: 24, checksum: undefined },
    ]);
    expect(externalTensors(modelWith({ entries: { location: 'w', length: '0' } }))[0]?.bytes).toBe(24);
    expect(externalTensors(modelWith({ dataType: 22, dims: [5] }))[0]?.bytes).toBe(3);
    expect(externalTensors(modelWith({ dims: [] }))[0]?.bytes).toBe(4);
    const externalData = ['a', 'b'].map((value) => ({ key: 'location', value }));
    expect(externalTensors(modelWith({ externalData }))[0]?.location).toBe('b');
  });

  it.each([
    [
      'another number of bytes than the shape needs',
      { entries: { location: 'w', length: '20' } },
      'tensor fc.weight: 20 bytes in w, but [2, 3] of its type are 24',
    ],
    [
      'no file',
      { entries: {} },
      "tensor fc.weight: its values lie in another file, ''; expected a path beside the model",
    ],
    ['a path without end', { entries: { location: 'x/'.repeat(600) } }, 'expected a path beside the model'],
    [
      'an offset before the file',
      { entries: { location: 'w', offset: '-8' } },
      "tensor fc.weight: offset '-8' in w, expected a number of bytes",
    ],
    ['strings', { dataType: 8 }, 'tensor fc.weight: values of ONNX’s type 8 cannot lie in another file'],
    ['a negative size', { dims: [-1, 3] }, 'tensor fc.weight: shape [-1, 3], expected sizes of 0 or more'],
    ['more than there is', { dims: [2 ** 50, 2 ** 50] }, 'expected sizes of 0 or more'],
  ])('that cannot be are refused: %s', (_name, about, why) => {
    expect(() => externalTensors(modelWith(about))).toThrow(why.replace('’', "'"));
  });

  it('are refused in a file that comes alone, with what to do', () => {
    expect(() => assertSelfContained(fixture('exported.onnx'))).toThrow(
      /^the values of tensor \S+ lie in another file, 'exported.onnx.data', which did not come along; send the model as one file: 'mcld run' and 'mcld cache warm' do so when they read it, onnx.save\(onnx.load\(path\), out\) makes one$/,
    );
  });
});

describe('bytes that are not a model', () => {
  it('are refused: cut off, or nested without end', () => {
    const model = fixture('everywhere.onnx');
    expect(() => externalTensors(model.subarray(0, model.length - 3))).toThrow('no ONNX model: ');
    let graph: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 60; depth++) graph = message(1, message(5, message(6, graph)));
    expect(() => externalTensors(message(7, graph))).toThrow('more than 100 messages within one another');
  });

  it('are told from ONNX by how they begin', () => {
    expect(mayBeOnnx(fixture('softmax.onnx'))).toBe(true);
    expect(mayBeOnnx(Buffer.from('\x08\0\0\0\0\0\0\0{}'))).toBe(false);
    expect(mayBeOnnx(Buffer.from('PK\x03\x04'))).toBe(false);
  });
});

it('a model with numbers past a double’s range is a classifier like another', () => {
  // Slices of older exporters end at 2^63 − 1.
  expect(() => assertOnnxClassifier(fixture('everywhere.inside.onnx'))).not.toThrow();
});
