import type { AttributeProto, GraphProto, NodeProto, TensorProto } from '@mcld/contracts/onnx/model.js';
import { tupleOf } from '@mcld/tensor/tuple.js';

/** ONNX's numbers of element types and attribute types. */
export const ElementType = { float32: 1, uint8: 2, int64: 7 } as const;
const AttributeType = { float: 1, int: 2, ints: 7 } as const;

export type AttributeValue =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] };

/** A graph that is being written: values are names. */
export class OnnxGraph {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #names = new Set<string>();

  /** Adds a node. @returns the name of its only output */
  op(type: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return tupleOf(this.ops(type, inputs, attributes, 1), 1)[0];
  }

  /** Adds a node of several outputs. */
  ops(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    outputs: number,
  ): string[] {
    const name = `${type}_${this.nodes.length}`;
    const output = Array.from({ length: outputs }, (_, i) => (outputs === 1 ? name : `${name}_${i}`));
    const attribute = Object.entries(attributes).map(([key, value]) => encode(key, value));
    this.nodes.push({ input: [...inputs], output, name, opType: type, attribute });
    return output;
  }

  /** Adds a float32 constant under its name, once. */
  float32(name: string, dims: readonly number[], data: Float32Array): string {
    if (!this.#names.has(name)) this.#add(name, ElementType.float32, dims, data);
    this.#names.add(name);
    return name;
  }

  /** Adds a vector of int64, a shape or axes. */
  int64(...values: number[]): string {
    const name = `int64_${values.join('_')}`;
    if (!this.#names.has(name))
      this.#add(name, ElementType.int64, [values.length], BigInt64Array.from(values.map(BigInt)));
    this.#names.add(name);
    return name;
  }

  #add(name: string, dataType: number, dims: readonly number[], data: ArrayBufferView): void {
    const rawData = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.push({ name, dataType, dims: [...dims], rawData });
  }

  finish(name: string): Pick<GraphProto, 'name' | 'node' | 'initializer'> {
    return { name, node: this.nodes, initializer: this.initializers };
  }
}

function encode(name: string, value: AttributeValue): AttributeProto {
  const empty = { name, f: 0, i: 0, ints: [] };
  if ('float' in value) return { ...empty, f: value.float, type: AttributeType.float };
  if ('int' in value) return { ...empty, i: value.int, type: AttributeType.int };
  return { ...empty, ints: [...value.ints], type: AttributeType.ints };
}
