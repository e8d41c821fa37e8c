import { createRequire } from 'node:module';
import type { Binding, OpAttribute } from './backend.js';
import type { Constant, Leaf, Recording } from './recording.js';

/** A message class of TensorFlow's protocol buffers as google-protobuf generates it. */
interface Message {
  serializeBinary(): Uint8Array;
  [setter: `set${string}`]: (value: unknown) => void;
}
interface Attributes extends Message {
  getAttrMap(): { set(name: string, value: Message): void };
}
interface Messages {
  readonly SavedModel: new () => Message;
  readonly MetaGraphDef: (new () => Message) & { readonly MetaInfoDef: new () => Message };
  readonly GraphDef: new () => Message;
  readonly VersionDef: new () => Message;
  readonly NodeDef: new () => Attributes;
  readonly AttrValue: (new () => Message) & { readonly ListValue: new () => Message };
  readonly Tensor: new () => Message;
  readonly TensorShape: (new () => Message) & { readonly Dim: new () => Message };
}

/** The graph format that TensorFlow 2.21 writes: older numbers ask for the behaviour of older releases. */
const PRODUCER = 1882;

export const TAG = 'serve';

/** A recorded graph in the bytes of a saved_model.pb with the tag `serve`. */
export function encodeSavedModel(recording: Recording, binding: Binding): Uint8Array {
  const messages: Messages = createRequire(import.meta.url)('@tensorflow/tfjs-node/dist/proto/api_pb.js');
  const encoder = new Encoder(messages, binding);
  const nodes = [
    ...recording.inputs.map((leaf) => encoder.placeholder(leaf)),
    ...recording.constants.map((leaf) => encoder.constant(leaf)),
    ...recording.nodes.map(({ name, op, inputs, attributes }) => encoder.node(name, op, inputs, attributes)),
  ];
  const make = <M extends Message>(Type: new () => M, fields: Record<string, unknown>) => filled(new Type(), fields);
  const graph = make(messages.GraphDef, {
    NodeList: nodes,
    Versions: make(messages.VersionDef, { Producer: PRODUCER }),
  });
  const info = make(messages.MetaGraphDef.MetaInfoDef, { TagsList: [TAG] });
  const meta = make(messages.MetaGraphDef, { MetaInfoDef: info, GraphDef: graph });
  return make(messages.SavedModel, { SavedModelSchemaVersion: 1, MetaGraphsList: [meta] }).serializeBinary();
}

function filled<M extends Message>(message: M, fields: Record<string, unknown>): M {
  for (const [name, value] of Object.entries(fields)) message[`set${name}`]?.(value);
  return message;
}

class Encoder {
  constructor(
    readonly messages: Messages,
    readonly binding: Binding,
  ) {}

  placeholder({ name, dtype, shape }: Leaf): Message {
    return this.#node(name, 'Placeholder', [], { dtype: this.#value('Type', dtype), shape: this.#shape(shape) });
  }

  constant({ name, dtype, shape, values }: Constant): Message {
    const { buffer, byteOffset, byteLength } = values;
    const tensor = filled(new this.messages.Tensor(), {
      Dtype: dtype,
      TensorShape: this.#dimensions(shape),
      TensorContent: new Uint8Array(buffer, byteOffset, byteLength),
    });
    return this.#node(name, 'Const', [], { dtype: this.#value('Type', dtype), value: this.#value('Tensor', tensor) });
  }

  node(name: string, op: string, inputs: readonly string[], attributes: readonly OpAttribute[]): Message {
    return this.#node(
      name,
      op,
      inputs,
      Object.fromEntries(attributes.map((attribute) => [attribute.name, this.#attribute(attribute)])),
    );
  }

  #node(name: string, op: string, inputs: readonly string[], attributes: Record<string, Message>): Message {
    const node = filled(new this.messages.NodeDef(), { Name: name, Op: op, InputList: [...inputs] });
    for (const [key, value] of Object.entries(attributes)) node.getAttrMap().set(key, value);
    return node;
  }

  #attribute({ name, type, value }: OpAttribute): Message {
    const { binding } = this;
    switch (type) {
      case binding.TF_ATTR_STRING:
        return this.#value('S', new TextEncoder().encode(String(value)));
      case binding.TF_ATTR_INT:
        if (!Array.isArray(value)) return this.#value('I', value);
        return this.#value('List', filled(new this.messages.AttrValue.ListValue(), { IList: value }));
      case binding.TF_ATTR_FLOAT:
        return this.#value('F', value);
      case binding.TF_ATTR_BOOL:
        return this.#value('B', value);
      case binding.TF_ATTR_TYPE:
        return this.#value('Type', value);
      case binding.TF_ATTR_SHAPE:
        if (!Array.isArray(value)) throw new Error(`attribute ${name} is ${typeof value}, expected a shape`);
        return this.#shape(value);
      default:
        throw new Error(`attribute ${name} has the unknown type ${type}`);
    }
  }

  #shape(shape: readonly number[]): Message {
    return this.#value('Shape', this.#dimensions(shape));
  }

  #dimensions(shape: readonly number[]): Message {
    const { TensorShape } = this.messages;
    return filled(new TensorShape(), { DimList: shape.map((size) => filled(new TensorShape.Dim(), { Size: size })) });
  }

  #value(field: string, value: unknown): Message {
    return filled(new this.messages.AttrValue(), { [field]: value });
  }
}
