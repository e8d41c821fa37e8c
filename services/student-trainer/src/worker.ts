/** The trainer's compute thread: owns the student and its optimiser for one run at a time. */
import { workerData } from 'node:worker_threads';
import { argmax } from '@mcld/tensor/argmax.js';
import { type Device, loadBackend } from '@mcld/tensor/backend.js';
import { serveCompute } from '@mcld/tensor/compute-worker.js';
import { allFinite } from '@mcld/tensor/finite.js';
import { type ChannelStatistics, normalise } from '@mcld/tensor/normalise.js';
import type { StepRates } from '@mcld/tensor/optimizer.js';
import * as tf from '@tensorflow/tfjs-core';
import { Session, type SessionRequest, type Snapshot } from './session.js';

export interface TrainerWorkerData {
  readonly device: Device | 'auto';
  /** Where modules of users' own distillers are loaded from; '': nowhere. */
  readonly distillerFolder: string;
}

export interface BeginRequest extends SessionRequest {
  readonly statistics: ChannelStatistics;
  readonly height: number;
  readonly width: number;
}

export interface StepRequest {
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
  /** Of a row's own label in a session of mixed images: the rest is the label of row B − 1 − i. */
  readonly ownShare?: number;
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
  /** Rows whose student logits are no finite numbers. */
  readonly nonFinite: number;
}

let active: { readonly request: BeginRequest; readonly session: Session } | undefined;

function current(): { readonly request: BeginRequest; readonly session: Session } {
  if (!active) throw new Error('no run has begun in this thread');
  return active;
}

export const handlers = {
  async begin(request: BeginRequest): Promise<void> {
    const { device, distillerFolder } = workerData as TrainerWorkerData;
    loadBackend(device);
    handlers.end();
    active = { request, session: await Session.begin(request, distillerFolder) };
  },

  /** One step of the student. */
  step({ pixels, labels, ownShare = 1, teacherLogits, epoch, step, rates }: StepRequest): StepResult {
    const { request, session } = current();
    const rows = labels.length;
    const images = normalise(pixels, [rows, request.height, request.width], request.statistics);
    const y = tf.tensor1d(labels, 'int32');
    const zt = teacherLogits
      ? tf.tensor2d(teacherLogits, [rows, request.classes])
      : tf.zeros<tf.Rank.R2>([rows, request.classes]);
    const progress = tf.tensor1d([epoch, step]);
    const mixture = request.mixed ? [tf.tensor1d(labels.toReversed(), 'int32'), tf.scalar(ownShare)] : [];
    const extras = [y, zt, progress, ...mixture];
    const [losses, logits] = session.training.step(images, extras, rates, step) as [tf.Tensor, tf.Tensor];
    const result = {
      losses: losses.dataSync() as Float32Array,
      termNames: session.termNames,
      ...countRows(logits.dataSync() as Float32Array, labels),
    };
    tf.dispose([images, ...extras, losses, logits]);
    return result;
  },

  /** @throws WeightMismatchError for a value that is not a finite number */
  snapshot(): Snapshot {
    return current().session.snapshot();
  },

  end(): void {
    active?.session.dispose();
    active = undefined;
  },

  /** Tensors alive in this thread. */
  tensors(): number {
    return tf.memory().numTensors;
  },
};

function countRows(logits: Float32Array, labels: Int32Array): { correct: number; nonFinite: number } {
  const classes = logits.length / labels.length;
  let [correct, nonFinite] = [0, 0];
  for (const [row, label] of labels.entries()) {
    const z = logits.subarray(row * classes, (row + 1) * classes);
    if (!allFinite(z)) nonFinite++;
    else if (argmax(z) === label) correct++;
  }
  return { correct, nonFinite };
}

serveCompute(handlers);
