import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Binding, NativeBackend, OpAttribute, TensorMetadata } from './backend.js';
import { tupleOf } from './tuple.js';
import { zip } from './zip.js';

/** A value in a recorded graph: an output of a node. */
export type Output = `${string}:${number}`;

export interface Node {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Output[];
  readonly attributes: readonly OpAttribute[];
}

/** A place for an input. */
export interface Leaf {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface Constant extends Leaf {
  readonly values: ArrayBufferView;
}

export interface Recording {
  readonly inputs: readonly Leaf[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Output[];
}

/**
 * Runs `fn` once, eagerly, and notes every op that TensorFlow is asked to execute. What `fn` uses
 * besides its inputs becomes a constant, with the value that it has now.
 * @throws Error when `fn` reads a tensor's values: what follows from them could not be recorded
 */
export function record(
  backend: NativeBackend,
  inputs: readonly Tensor[],
  fn: (inputs: readonly Tensor[]) => readonly Tensor[],
): Recording {
  const recorder = new Recorder(backend.binding);
  const distinct = withoutAliases(backend, inputs);
  const ids = backend.getInputTensorIds(distinct);
  for (const [id, tensor] of zip(ids, inputs)) recorder.addInput(id, tensor.shape, dtypeOf(backend, tensor));
  const { binding } = backend;
  backend.binding = recorder.binding;
  try {
    const results = fn(distinct);
    const outputs = backend.getInputTensorIds(results).map((id) => recorder.outputOf(id));
    tf.dispose(results.filter((tensor) => !distinct.includes(tensor)));
    return { inputs: recorder.inputs, constants: recorder.constants, nodes: recorder.nodes, outputs };
  } finally {
    backend.binding = binding;
  }
}

/** Two inputs may be one tensor today and two tomorrow: each gets a number of its own. */
function withoutAliases(backend: NativeBackend, inputs: readonly Tensor[]): Tensor[] {
  const seen = new Set<number>();
  return inputs.map((tensor) => {
    const [id] = tupleOf(backend.getInputTensorIds([tensor]), 1);
    const alias = seen.has(id);
    seen.add(id);
    return alias ? backend.createOutputTensor(identityOf(backend.binding, id)) : tensor;
  });
}

/** A tensor of its own with the same values. */
const identityOf = (binding: Binding, id: number): TensorMetadata =>
  tupleOf(binding.executeOp('Identity', [], [id], 1), 1)[0];

function dtypeOf({ binding }: NativeBackend, { dtype }: Tensor): number {
  if (dtype === 'float32') return binding.TF_FLOAT;
  if (dtype === 'int32') return binding.TF_INT32;
  throw new Error(`an input of a compiled function is ${dtype}, expected float32 or int32`);
}

interface Value {
  readonly output: Output;
  readonly dtype: number;
  readonly constant: boolean;
}

class Recorder {
  readonly inputs: Leaf[] = [];
  readonly constants: Constant[] = [];
  readonly nodes: Node[] = [];
  readonly binding: Binding;
  readonly #known = new Map<number, Value>();
  readonly #real: Binding;

  constructor(real: Binding) {
    this.#real = real;
    const readable = (id: number): Float32Array | Int32Array | Uint8Array => {
      const computed = this.#known.get(id)?.constant === false;
      if (computed) throw new Error('a compiled function must not read the values of its tensors');
      return real.tensorDataSync(id);
    };
    // The addon's own object: its methods keep their receiver, its constants are copied.
    this.binding = {
      ...ownProperties(real),
      executeOp: (name, attributes, inputs, outputs) => this.#execute(name, attributes, inputs, outputs),
      createTensor: (shape, dtype, values) => this.#create(shape, dtype, values),
      tensorDataSync: readable,
    };
  }

  addInput(id: number, shape: readonly number[], dtype: number): void {
    const name = `input${this.inputs.length}`;
    this.inputs.push({ name, shape, dtype });
    this.#known.set(id, { output: `${name}:0`, dtype, constant: false });
  }

  /** Where a result stands. TensorFlow refuses to return what it is given: of an input, a copy is the result. */
  outputOf(id: number): Output {
    const { output, dtype } = this.#known.get(id) ?? this.#capture(id);
    if (!this.inputs.some(({ name }) => output === `${name}:0`)) return output;
    const name = `op${this.nodes.length}`;
    const attributes = [{ name: 'T', type: this.#real.TF_ATTR_TYPE, value: dtype }];
    this.nodes.push({ name, op: 'Identity', inputs: [output], attributes });
    return `${name}:0`;
  }

  #execute(op: string, attributes: readonly OpAttribute[], ids: readonly number[], outputs: number): TensorMetadata[] {
    const inputs = ids.map((id) => this.#known.get(id) ?? this.#capture(id));
    const results = this.#real.executeOp(op, attributes, ids, outputs);
    const name = `op${this.nodes.length}`;
    this.nodes.push({
      name,
      op,
      inputs: inputs.map(({ output }) => output),
      attributes: this.#complete(op, attributes, inputs),
    });
    for (const [i, { id, dtype }] of results.entries()) {
      this.#known.set(id, { output: `${name}:${i}`, dtype, constant: false });
    }
    return results;
  }

  #create(shape: readonly number[], dtype: number, values: unknown): number {
    const id = this.#real.createTensor(shape, dtype, values);
    this.#capture(id);
    return id;
  }

  /** Makes a constant of a tensor that exists already. */
  #capture(id: number): Value {
    // Neither shape nor type can be asked of the addon; an identity tells both.
    const { id: copy, shape, dtype } = identityOf(this.#real, id);
    const values = this.#real.tensorDataSync(id).slice();
    this.#real.deleteTensor(copy);
    const name = `constant${this.constants.length}`;
    this.constants.push({ name, shape, dtype, values });
    const value: Value = { output: `${name}:0`, dtype, constant: true };
    this.#known.set(id, value);
    return value;
  }

  // Run eagerly, TensorFlow infers types from an op's inputs; in a graph they must stand. tfjs leaves
  // them out for this one op only.
  #complete(op: string, attributes: readonly OpAttribute[], inputs: readonly Value[]): readonly OpAttribute[] {
    const [first] = inputs;
    if (op !== 'ExpandDims' || attributes.length > 0 || !first) return attributes;
    return [{ name: 'T', type: this.#real.TF_ATTR_TYPE, value: first.dtype }];
  }
}

function ownProperties(binding: Binding): Binding {
  const copy: Binding = { ...binding };
  for (const name of Object.getOwnPropertyNames(binding)) {
    const value: unknown = Reflect.get(binding, name);
    Reflect.set(copy, name, typeof value === 'function' ? value.bind(binding) : value);
  }
  return copy;
}
