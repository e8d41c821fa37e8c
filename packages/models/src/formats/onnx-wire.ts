import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';

/** Thrown for bytes that are no ONNX model, or one that cannot be used here. */
export class OnnxError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_ONNX' } as const;
}

/** A message in pieces, most of them views of the file that it was read from. */
export type Pieces = readonly Uint8Array[];

/**
 * Which fields of ONNX's messages lead to tensors, by number. The model is changed as bytes, not decoded and written
 * again: fields that this project does not know stay as they are.
 */
const inside: Readonly<Record<Message, Readonly<Record<number, Message | 'tensor'>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparseTensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparseTensor', 23: 'sparseTensor' },
  sparseTensor: { 1: 'tensor', 2: 'tensor' },
};

type Message = 'model' | 'graph' | 'training' | 'function' | 'node' | 'attribute' | 'sparseTensor';

/** Messages within one another, as protobuf itself limits them. */
const MAX_DEPTH = 100;

/**
 * Goes through all tensors of a model, in the order of the file: initializers, sparse ones, those in attributes, in the
 * graphs within nodes, in functions and in training information.
 * @param change a tensor's new content; undefined leaves it as it is
 * @returns the model's new content; undefined when nothing was changed @throws OnnxError for what is not a model
 */
export function changeTensors(
  model: Uint8Array,
  change: (tensor: Uint8Array) => Pieces | undefined,
): Pieces | undefined {
  return changed(model, 'model', change, 0);
}

function changed(
  bytes: Uint8Array,
  message: Message,
  change: (tensor: Uint8Array) => Pieces | undefined,
  depth: number,
): Pieces | undefined {
  if (depth > MAX_DEPTH) throw new OnnxError(`no ONNX model: more than ${MAX_DEPTH} messages within one another`);
  const pieces: Uint8Array[] = [];
  let copiedTo = 0;
  for (const { field, start, end, body } of fieldsOf(bytes)) {
    const inner = inside[message][field];
    if (!inner || !body) continue;
    const content = inner === 'tensor' ? change(body) : changed(body, inner, change, depth + 1);
    if (!content) continue;
    pieces.push(bytes.subarray(copiedTo, start), headOf(field, content), ...content);
    copiedTo = end;
  }
  return copiedTo === 0 ? undefined : [...pieces, bytes.subarray(copiedTo)];
}

/** A message without some of its fields, and with bytes as one more. */
export function replaceFields(
  bytes: Uint8Array,
  without: ReadonlySet<number>,
  field: number,
  content: Uint8Array,
): Pieces {
  const others = [...fieldsOf(bytes)].filter((part) => !without.has(part.field));
  return [...others.map(({ start, end }) => bytes.subarray(start, end)), headOf(field, [content]), content];
}

interface Field {
  readonly field: number;
  readonly start: number;
  readonly end: number;
  /** Of a field that holds a message or bytes. */
  readonly body: Uint8Array | undefined;
}

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    try {
      const [field, type] = reader.tag();
      const body = type === WireType.LengthDelimited ? reader.bytes() : undefined;
      if (!body) reader.skip(type, field);
      yield { field, start, end: reader.pos, body };
    } catch (error) {
      throw new OnnxError(`no ONNX model: ${messageOf(error)}`);
    }
  }
}

function headOf(field: number, content: Pieces): Uint8Array {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}
