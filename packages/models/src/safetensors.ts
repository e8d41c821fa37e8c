import { type FloatFormat, floatFormats, toFloat32 } from './float-formats.js';
import type { StateArray, StateDict } from './state-dict.js';

/** Thrown for bytes that are no safetensors file, or one whose header does not hold. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
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
  const { header, data } = readHeader(file);
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = new Map<string, StateArray>();
  let end = 0;
  const placed = Object.entries(entries as Record<string, Entry>);
  for (const [name, entry] of placed) assertEntry(name, entry, data.byteLength);
  placed.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  for (const [name, entry] of placed) {
    const [from, to] = entry.data_offsets;
    if (from !== end) throw new SafetensorsError(`tensor ${name} begins at byte ${from}, expected ${end}`);
    end = to;
    const { dtype, shape } = entry;
    const format = (floatFormats as Readonly<Record<string, FloatFormat>>)[dtype];
    if (!format) {
      if (shape.length === 0) continue;
      throw new SafetensorsError(`tensor ${name} is ${dtype}; weights are F32, F64, F16 or BF16`);
    }
    const values = toFloat32(format, data.subarray(from, to));
    tensors.set(name, { shape, data: values.read(0, (to - from) / format.bytes) });
  }
  if (end !== data.byteLength) throw new SafetensorsError(`${data.byteLength - end} bytes after the last tensor`);
  return { metadata: assertMetadata(metadata), tensors: inHeaderOrder(tensors, Object.keys(entries)) };
}

function inHeaderOrder(tensors: StateDict, names: readonly string[]): StateDict {
  return new Map(names.flatMap((name) => (tensors.has(name) ? [[name, tensors.get(name) as StateArray]] : [])));
}

function readHeader(file: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  if (file.byteLength < 8) throw new SafetensorsError(`file of ${file.byteLength} bytes is no safetensors file`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER, file.byteLength - 8))) {
    throw new SafetensorsError(`header length ${length} in a file of ${file.byteLength} bytes`);
  }
  const end = 8 + Number(length);
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, end)));
    if (typeof header !== 'object' || header === null || Array.isArray(header)) throw new Error('not an object');
    return { header: header as Record<string, unknown>, data: file.subarray(end) };
  } catch (error) {
    throw new SafetensorsError(`header is no JSON object: ${(error as Error).message}`);
  }
}

function assertMetadata(metadata: unknown): Record<string, string> {
  const texts = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  if (!texts || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('__metadata__ is no object of strings');
  }
  return metadata as Record<string, string>;
}

const SIZES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U8: 1,
  I8: 1,
  BOOL: 1,
};

function assertEntry(name: string, entry: Entry, available: number): void {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  const naturals = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!naturals(shape) || !naturals(offsets) || offsets.length !== 2) {
    throw new SafetensorsError(`tensor ${name} has no valid shape and data_offsets`);
  }
  const size = Object.hasOwn(SIZES, dtype) ? SIZES[dtype] : undefined;
  if (size === undefined) throw new SafetensorsError(`tensor ${name} has dtype ${dtype}`);
  const [from, to] = offsets as [number, number];
  const wanted = shape.reduce((a, b) => a * b, size);
  if (to > available || to - from !== wanted) {
    throw new SafetensorsError(
      `tensor ${name} [${shape.join(', ')}] ${dtype} needs ${wanted} bytes, its offsets say ${from}..${to} of ${available}`,
    );
  }
}
