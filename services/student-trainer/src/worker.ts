/** The trainer's compute thread: owns the student and its optimiser for one run at a time. */
import { workerData } from 'node:worker_threads';
import type { Distiller } from '@mcld/distillers/distiller.js';
import { type DistillerName, distillerDefinition } from '@mcld/distillers/registry.js';
import type { ModelName } from '@mcld/models/registry.js';
import { decodeSafetensors, encodeSafetensors } from '@mcld/models/safetensors.js';
import { initialState } from '@mcld/models/state-dict.js';
import { TrainableNetwork } from '@mcld/models/trainable-network.js';
import { argmax } from '@mcld/tensor/argmax.js';
import { type Device, loadBackend } from '@mcld/tensor/backend.js';
import { serveCompute } from '@mcld/tensor/compute-worker.js';
import { type ChannelStatistics, normalise } from '@mcld/tensor/normalise.js';
import { Sgd, type SgdOptions, type StepRates } from '@mcld/tensor/sgd.js';
import * as tf from '@tensorflow/tfjs-core';

export interface TrainerWorkerData {
  readonly device: Device | 'auto';
}

export interface BeginRequest {
  readonly model: ModelName;
  readonly classes: number;
  readonly seed: number;
  readonly distiller: { readonly name: DistillerName } & Readonly<Record<string, unknown>>;
  readonly optimizer: SgdOptions;
  readonly statistics: ChannelStatistics;
  readonly height: number;
  readonly width: number;
  /** Weights and momentum to go on with; absent: the initial ones of the seed. */
  readonly resume?: { readonly model: Uint8Array; readonly optimizer: Uint8Array };
}

export interface StepRequest {
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
  /** float32 [B, classes]; absent for a distiller without a teacher. */
  readonly teacherLogits?: Float32Array;
  /** Fractional epochs, and steps, since the run began. */
  readonly epoch: number;
  readonly step: number;
  readonly rates: StepRates;
}

export interface StepResult {
  /** Unweighted value of each term, in the order of `termNames`; last the weighted total. */
  readonly losses: Float32Array;
  readonly termNames: readonly string[];
  /** Rows whose largest student logit is the target's. */
  readonly correct: number;
}

interface Session {
  readonly request: BeginRequest;
  readonly network: TrainableNetwork;
  readonly optimizer: Sgd;
  readonly distiller: Distiller;
}

let session: Session | undefined;

function active(): Session {
  if (!session) throw new Error('no run has begun in this thread');
  return session;
}

export const handlers = {
  begin(request: BeginRequest): void {
    loadBackend((workerData as TrainerWorkerData).device);
    handlers.end();
    const { model, classes, seed, resume } = request;
    const state = resume ? decodeSafetensors(resume.model).tensors : initialState(model, classes, seed);
    const network = new TrainableNetwork(model, classes, state);
    const momentum = resume && network.flatten(decodeSafetensors(resume.optimizer).tensors);
    const optimizer = new Sgd(network.size, request.optimizer, momentum);
    const { name, ...options } = request.distiller;
    const definition = distillerDefinition(name);
    session = { request, network, optimizer, distiller: definition.create(definition.options.parse(options)) };
  },

  /** distill → applyGradients: one step of the student. */
  step({ pixels, labels, teacherLogits, epoch, step, rates }: StepRequest): StepResult {
    const { request, network, optimizer, distiller } = active();
    const rows = labels.length;
    const images = normalise(pixels, [rows, request.height, request.width], request.statistics);
    const y = tf.tensor1d(labels, 'int32');
    const zt = teacherLogits
      ? tf.tensor2d(teacherLogits, [rows, request.classes])
      : tf.zeros<tf.Rank.R2>([rows, request.classes]);
    let termNames: string[] = [];
    let losses: Float32Array = new Float32Array();
    let correct = 0;
    network.step(
      images,
      (zs) => {
        const terms = distiller({ zs, zt, y, epoch, step });
        const total = Object.values(terms)
          .map(({ value, weight }) => tf.mul(value, weight))
          .reduce((a, b) => tf.add(a, b)) as tf.Scalar;
        termNames = [...Object.keys(terms), 'total'];
        losses = tf.stack([...Object.values(terms).map(({ value }) => value), total]).dataSync() as Float32Array;
        correct = countCorrect(zs.dataSync() as Float32Array, labels);
        return total;
      },
      (parameters, gradients) => optimizer.step(parameters, gradients, rates),
    );
    tf.dispose([images, y, zt]);
    return { losses, termNames, correct };
  },

  /** The student and its momentum as safetensors, PyTorch names and layouts. */
  snapshot(): { model: Uint8Array; optimizer: Uint8Array } {
    const { request, network, optimizer } = active();
    const about = { format: 'pt', model: request.model, classes: String(request.classes) };
    return {
      model: encodeSafetensors(network.state(), about),
      optimizer: encodeSafetensors(network.unflatten(optimizer.state()), { ...about, content: 'momentum' }),
    };
  },

  end(): void {
    session?.network.dispose();
    session?.optimizer.dispose();
    session = undefined;
  },

  /** Tensors alive in this thread. */
  tensors(): number {
    return tf.memory().numTensors;
  },
};

function countCorrect(logits: Float32Array, labels: Int32Array): number {
  const classes = logits.length / labels.length;
  let correct = 0;
  for (const [row, label] of labels.entries()) {
    const z = logits.subarray(row * classes, (row + 1) * classes);
    if (argmax(z) === label) correct++;
  }
  return correct;
}

serveCompute(handlers);
