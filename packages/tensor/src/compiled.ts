import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Binding, type NativeBackend, nativeBackend } from './backend.js';
import { type Recording, record } from './recording.js';
import { encodeSavedModel, TAG } from './saved-model.js';
import { type Names, namesOf, recordOf, type TensorRecord, tensorsOf } from './tensor-record.js';

/** A function for inputs of certain shapes, as TensorFlow has it: its tensors stand in lists there. */
interface Graph {
  readonly model: number;
  readonly inputs: string;
  readonly outputs: string;
  /** What the places in the list of its outputs are called. */
  readonly names: Names;
}

/** Batches come in two sizes, a whole one and an epoch's last; a few more do no harm. */
const MAX_GRAPHS = 8;

/**
 * A pure function of named tensors that TensorFlow runs as one graph. It is run eagerly once for each set of
 * input shapes, to record the ops that it executes; from then on the graph is run in its place.
 *
 * Inputs and outputs are records, which may hold groups: a new input is a new name, and no place is counted. The names
 * of the first call are those of every call.
 *
 * What a graph gains (2 cores, a ResNet20 step of 600 ops: 204 → 128 ms, ResNet8x4: 397 → 380): ops that do
 * not depend on each other run side by side, as the two gradients of a convolution do; results are
 * written over inputs that nobody needs any more; convolutions, biases and ReLUs are fused; nothing
 * crosses between JavaScript and TensorFlow in between.
 *
 * The function must not read values, and what it uses besides its inputs counts as constant: a number
 * that changes from step to step is an input.
 *
 * @example
 * const scaled = new CompiledFunction(({ x, by }: { x: Tensor1D; by: Scalar }) => ({ y: tf.mul<Tensor1D>(x, by) }));
 * const { y } = scaled.run({ x, by });
 */
export class CompiledFunction<I extends TensorRecord, O extends TensorRecord> {
  readonly #graphs = new Map<string, Graph>();
  #names: Names | undefined;

  constructor(private readonly fn: (inputs: I) => O) {}

  /**
   * @param inputs float32 or int32; they stay the caller's
   * @returns what the function returns, owned by the caller
   * @throws Error naming an input that the first call did not have, or that this one lacks; and with TensorFlow's
   *   message when the graph is refused or fails
   */
  run(inputs: I): O {
    const backend = nativeBackend();
    this.#names ??= namesOf(inputs);
    const tensors = tensorsOf(inputs, this.#names);
    const graph = this.#graphFor(backend, tensors, this.#names);
    const ids = backend.getInputTensorIds(tensors);
    const results = backend.binding.runSavedModel(graph.model, ids, graph.inputs, graph.outputs);
    const outputs = results.map((metadata) => backend.createOutputTensor(metadata));
    // What fn returned when it was recorded had these names, and so this type.
    return recordOf(graph.names, outputs) as O;
  }

  #graphFor(backend: NativeBackend, tensors: readonly Tensor[], names: Names): Graph {
    const signature = tensors.map(({ dtype, shape }) => `${dtype} ${shape.join('×')}`).join(', ');
    const known = this.#graphs.get(signature);
    if (known) return known;
    if (this.#graphs.size === MAX_GRAPHS) this.dispose();
    const graph = this.#record(backend, tensors, names);
    this.#graphs.set(signature, graph);
    return graph;
  }

  #record(backend: NativeBackend, tensors: readonly Tensor[], inputNames: Names): Graph {
    let names: Names = [];
    let graph: Omit<Graph, 'names'> | undefined;
    tf.tidy(() => {
      const recording = record(backend, tensors, (placeholders) => {
        const outputs = this.fn(recordOf(inputNames, placeholders) as I);
        names = namesOf(outputs);
        return tensorsOf(outputs, names);
      });
      graph = load(recording, backend.binding);
    });
    if (!graph) throw new Error('unreachable: the recording was not made');
    return { ...graph, names };
  }

  /** Frees the graphs. They are made again when the function is run again. */
  dispose(): void {
    for (const { model } of this.#graphs.values()) nativeBackend().binding.deleteSavedModel(model);
    this.#graphs.clear();
  }
}

function load(recording: Recording, binding: Binding): Omit<Graph, 'names'> {
  // The addon reads a graph from a folder only.
  const folder = mkdtempSync(path.join(tmpdir(), 'mcld-graph-'));
  try {
    writeFileSync(path.join(folder, 'saved_model.pb'), encodeSavedModel(recording, binding));
    return {
      model: binding.loadSavedModel(folder, TAG),
      inputs: recording.inputs.map(({ name }) => `${name}:0`).join(','),
      outputs: recording.outputs.join(','),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
