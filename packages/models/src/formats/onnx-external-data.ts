import { TensorOutline } from '@mcld/contracts/onnx/model.js';
import { messageOf, shown } from '@mcld/errors/text.js';
import { changeTensors, OnnxError, replaceFields } from './onnx-wire.js';

/** A tensor whose values lie in another file. */
export interface ExternalTensor {
  readonly name: string;
  /** The file, from the model's folder. */
  readonly location: string;
  /** First byte there. */
  readonly offset: number;
  /** Bytes that its type and shape need. */
  readonly bytes: number;
  /** sha1 in hex of the whole file, where the model says one. */
  readonly checksum: string | undefined;
}

/** TensorProto.DataLocation.EXTERNAL. */
const EXTERNAL = 1;

const RAW_DATA = 9;

/** Longest path that is looked for. */
const MAX_PATH = 1024;

const SHA1_DIGITS = 40;

/** Fields of a tensor that hold values, or say where they are: typed values, raw ones, external_data, data_location. */
const VALUES: ReadonlySet<number> = new Set([4, 5, 6, 7, RAW_DATA, 10, 11, 13, 14]);

/** Bits of an element, by ONNX's number of its type; strings (8) have no fixed size. */
const bits: Readonly<Record<number, number>> = {
  ...{ 1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16 },
  ...{ 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2 },
};

/** Whether a file begins as ONNX models do: with the IR version, and not as safetensors, whose length may look so. */
export function mayBeOnnx(file: Uint8Array): boolean {
  return file[0] === 0x08 && file[8] !== 0x7b;
}

/** The tensors whose values lie outside of a model's file. @throws OnnxError naming one that cannot be */
export function externalTensors(model: Uint8Array): ExternalTensor[] {
  const tensors: ExternalTensor[] = [];
  changeTensors(model, (bytes) => {
    const tensor = externalOf(bytes);
    if (tensor) tensors.push(tensor);
    return undefined;
  });
  return tensors;
}

/**
 * The model with all values in its file, so that its digest covers them and nobody looks for them elsewhere.
 * @param values of each of `externalTensors`, in their order
 */
export function withValuesInside(model: Uint8Array, values: readonly Uint8Array[]): Uint8Array {
  let next = 0;
  const pieces = changeTensors(model, (bytes) =>
    isExternal(TensorOutline.decode(bytes))
      ? replaceFields(bytes, VALUES, RAW_DATA, values[next++] ?? new Uint8Array())
      : undefined,
  );
  return pieces ? Buffer.concat(pieces) : model;
}

/** @throws OnnxError naming a tensor that is not in the file, and what to do */
export function assertSelfContained(model: Uint8Array): void {
  const [tensor] = externalTensors(model);
  if (!tensor) return;
  throw new OnnxError(
    `the values of ${tensor.name} lie in another file, '${tensor.location}', which did not come along; send the model as one file: 'mcld run' and 'mcld cache warm' do so when they read it, onnx.save(onnx.load(path), out) makes one`,
  );
}

const isExternal = ({ dataLocation }: TensorOutline): boolean => dataLocation === EXTERNAL;

function externalOf(bytes: Uint8Array): ExternalTensor | undefined {
  const outline = outlineOf(bytes);
  if (!isExternal(outline)) return undefined;
  const name = outline.name ? `tensor ${shown(outline.name)}` : 'a tensor without a name';
  const entry = (key: string) => outline.externalData.findLast((pair) => pair.key === key)?.value;
  const location = entry('location') ?? '';
  if (location === '' || location.length > MAX_PATH) {
    throw new OnnxError(
      `${name}: its values lie in another file, '${shown(location, 200)}'; expected a path beside the model`,
    );
  }
  const needed = bytesOf(name, outline);
  const said = entry('length') ?? '0';
  // 0 stands for absent, as onnx and onnxruntime read it.
  if (said !== '0' && said !== String(needed)) {
    throw new OnnxError(
      `${name}: ${shown(said)} bytes in ${location}, but [${shown(outline.dims.join(', '))}] of its type are ${needed}`,
    );
  }
  const offset = entry('offset') ?? '0';
  if (!/^\d{1,15}$/.test(offset)) {
    throw new OnnxError(`${name}: offset '${shown(offset)}' in ${location}, expected a number of bytes`);
  }
  return { name, location, offset: Number(offset), bytes: needed, checksum: entry('checksum')?.slice(0, SHA1_DIGITS) };
}

function outlineOf(bytes: Uint8Array): TensorOutline {
  try {
    return TensorOutline.decode(bytes);
  } catch (error) {
    throw new OnnxError(`no ONNX model: ${messageOf(error)}`);
  }
}

function bytesOf(name: string, { dims, dataType }: TensorOutline): number {
  const each = bits[dataType];
  if (!each) {
    throw new OnnxError(`${name}: values of ONNX's type ${dataType} cannot lie in another file`);
  }
  const bytes = Math.ceil((dims.reduce((product, size) => product * size, 1) * each) / 8);
  if (dims.some((size) => size < 0) || !Number.isSafeInteger(bytes)) {
    throw new OnnxError(`${name}: shape [${shown(dims.join(', '))}], expected sizes of 0 or more`);
  }
  return bytes;
}
