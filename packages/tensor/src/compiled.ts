import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Binding, nativeBackend } from './backend.js';
import { type Recording, record } from './recording.js';
import { encodeSavedModel, TAG } from './saved-model.js';

interface Graph {
  readonly model: number;
  readonly inputs: string;
  readonly outputs: string;
}

/** Batches come in two sizes, a whole one and an epoch's last; a few more are no harm. */
const MAX_GRAPHS = 8;

/**
 * A pure function of tensors that TensorFlow runs as one graph. It is run eagerly once for each set of
 * input shapes, to record the ops that it executes; from then on the graph is run in its place.
 *
 * What that gains (2 cores, a ResNet20 step of 600 ops: 204 → 128 ms, ResNet8x4: 397 → 380): ops that do
 * not depend on each other run side by side, as the two gradients of a convolution do; results are
 * written over inputs that nobody needs any more; convolutions, biases and ReLUs are fused; nothing
 * crosses between JavaScript and TensorFlow in between.
 *
 * The function must not read values, and what it uses besides its inputs counts as constant: a number
 * that changes from step to step is an input.
 */
export class CompiledFunction {
  readonly #graphs = new Map<string, Graph>();

  constructor(private readonly fn: (inputs: readonly Tensor[]) => readonly Tensor[]) {}

  /**
   * @param inputs float32 or int32, in the order that the function takes; they stay the caller's
   * @returns what the function returns, owned by the caller
   * @throws Error with TensorFlow's message when the graph is refused or fails
   */
  run(inputs: readonly Tensor[]): Tensor[] {
    const backend = nativeBackend();
    const graph = this.#graphFor(inputs);
    const ids = backend.getInputTensorIds(inputs);
    const results = backend.binding.runSavedModel(graph.model, ids, graph.inputs, graph.outputs);
    return results.map((metadata) => backend.createOutputTensor(metadata));
  }

  #graphFor(inputs: readonly Tensor[]): Graph {
    const signature = inputs.map(({ dtype, shape }) => `${dtype} ${shape.join('×')}`).join(', ');
    const known = this.#graphs.get(signature);
    if (known) return known;
    if (this.#graphs.size === MAX_GRAPHS) this.dispose();
    const backend = nativeBackend();
    let graph: Graph | undefined;
    tf.tidy(() => {
      graph = load(record(backend, inputs, this.fn), backend.binding);
    });
    if (!graph) throw new Error('unreachable: the recording was not made');
    this.#graphs.set(signature, graph);
    return graph;
  }

  /** Frees the graphs. They are made again when the function is run again. */
  dispose(): void {
    for (const { model } of this.#graphs.values()) nativeBackend().binding.deleteSavedModel(model);
    this.#graphs.clear();
  }
}

function load(recording: Recording, binding: Binding): Graph {
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
