import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf, shown } from '@mcld/errors/text.js';
import { type StateArray, type StateDict, WeightMismatchError } from '../layers/state-dict.js';
import { type FloatFormat, floatFormats, toFloat32 } from './float-formats.js';
import type { NamedTensor, StoredTensor } from './stored-tensor.js';

/** Thrown for bytes that are not a safetensors file, or one whose header does not hold. */
export class SafetensorsError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_SAFETENSORS' } as const;
}

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: StateDict;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const MAX_HEADER = 100 * 1024 * 1024;

/**
 * Writes float32 arrays as safetensors (8-byte little-endian header length, JSON header padded to 8
 * bytes with spaces, data in order). The same arrays and metadata always give the same bytes.
 */
export function encodeSafetensors(tensors: StateDict, metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded);
  file.set(json, 8);
  let at = 8 + padded;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/**
 * Reads a safetensors file. Floating-point tensors become float32; scalars of integers (PyTorch's
 * num_batches_tracked) are passed over.
 * @throws SafetensorsError naming what is wrong: length, header, dtype, offsets
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const { metadata, tensors } = openSafetensors(file);
  const decoded = new Map<string, StateArray>();
  for (const { name, tensor } of tensors) {
    const { shape, dtype } = tensor;
    if (tensor.isFloating) decoded.set(name, { shape, data: tensor.read(name) });
    else if (shape.length > 0)
      throw new SafetensorsError(`tensor ${shown(name)} is ${dtype}; weights are F32, F64, F16 or BF16`);
  }
  return { metadata, tensors: decoded };
}

/** What a safetensors file holds, in its header's order, without reading its numbers. @throws SafetensorsError */
export function openSafetensors(file: Uint8Array): {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly (NamedTensor & { readonly tensor: SafeTensor })[];
} {
  const { header, data } = readHeader(file);
  const { __metadata__: metadata = {}, ...entries } = header;
  const placed = Object.entries(entries).map(
    ([name, entry]) => [name, checkedEntry(name, entry, data.byteLength)] as const,
  );
  const tensors = placed.map(([name, entry]) => ({ folder: '', name, tensor: new SafeTensor(entry, data) }));
  assertContiguous(placed, data.byteLength);
  return { metadata: checkedMetadata(metadata), tensors };
}

/** Tensors lie one after the other, without holes and without sharing. */
function assertContiguous(placed: readonly (readonly [string, Entry])[], available: number): void {
  let end = 0;
  for (const [name, entry] of placed.toSorted(byPlace)) {
    const [from, to] = entry.data_offsets;
    if (from !== end) throw new SafetensorsError(`tensor ${shown(name)} begins at byte ${from}, expected ${end}`);
    end = to;
  }
  if (end !== available) throw new SafetensorsError(`${available - end} bytes after the last tensor`);
}

/** An empty tensor begins where the next one does. */
const byPlace = (
  [, { data_offsets: a }]: readonly [string, Entry],
  [, { data_offsets: b }]: readonly [string, Entry],
) => a[0] - b[0] || a[1] - b[1];

class SafeTensor implements StoredTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly place: string;
  readonly #format: FloatFormat | undefined;
  readonly #bytes: Uint8Array;

  constructor({ dtype, shape, data_offsets: [from, to] }: Entry, data: Uint8Array) {
    this.shape = shape;
    this.dtype = dtype;
    this.place = String(from);
    this.#format = isFloat(dtype) ? floatFormats[dtype] : undefined;
    this.#bytes = data.subarray(from, to);
  }

  get isFloating(): boolean {
    return this.#format !== undefined;
  }

  read(name: string): Float32Array {
    if (!this.#format) throw new WeightMismatchError(`${name} is ${this.dtype}; weights are F32, F64, F16 or BF16`);
    return toFloat32(this.#format, this.#bytes).read(0, this.#bytes.byteLength / this.#format.bytes);
  }
}

const isFloat = (dtype: string): dtype is keyof typeof floatFormats => Object.hasOwn(floatFormats, dtype);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readHeader(file: Uint8Array): { header: Readonly<Record<string, unknown>>; data: Uint8Array } {
  if (file.byteLength < 8) throw new SafetensorsError(`file of ${file.byteLength} bytes is not a safetensors file`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER, file.byteLength - 8))) {
    throw new SafetensorsError(`header length ${length} in a file of ${file.byteLength} bytes`);
  }
  const end = 8 + Number(length);
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, end)));
    if (!isObject(header)) throw new Error('not an object');
    return { header, data: file.subarray(end) };
  } catch (error) {
    throw new SafetensorsError(`header is no JSON object: ${messageOf(error)}`);
  }
}

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every((text) => typeof text === 'string');

function checkedMetadata(metadata: unknown): Readonly<Record<string, string>> {
  if (!isTexts(metadata)) throw new SafetensorsError('__metadata__ is not an object of strings');
  return metadata;
}

const SIZES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U64: 8,
  U32: 4,
  U16: 2,
  C64: 8,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U8: 1,
  I8: 1,
  BOOL: 1,
};

const isNaturals = (list: unknown): list is readonly number[] =>
  Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);

const isSpan = (list: unknown): list is readonly [number, number] => isNaturals(list) && list.length === 2;

function checkedEntry(name: string, entry: unknown, available: number): Entry {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (!isNaturals(shape) || !isSpan(offsets)) {
    throw new SafetensorsError(`tensor ${shown(name)} has no valid shape and data_offsets`);
  }
  if (typeof dtype !== 'string') throw new SafetensorsError(`tensor ${shown(name)} has no dtype`);
  const size = Object.hasOwn(SIZES, dtype) ? SIZES[dtype] : undefined;
  if (size === undefined) throw new SafetensorsError(`tensor ${shown(name)} has dtype ${shown(dtype)}`);
  const [from, to] = offsets;
  const expected = shape.reduce((a, b) => a * b, size);
  if (to > available || to - from !== expected) {
    throw new SafetensorsError(
      `tensor ${shown(name)} [${shape.slice(0, 8).join(', ')}] ${dtype} needs ${expected} bytes, its offsets say ${from}..${to} of ${available}`,
    );
  }
  return { dtype, shape, data_offsets: offsets };
}
