/** The trainer's compute thread: owns the student and its optimiser for one run at a time. */
import { workerData } from 'node:worker_threads';
import type { TeacherOutput } from '@mcld/distillers/facts.js';
import type { StepTensors, TeacherOutputs } from '@mcld/distillers/objective.js';
import type { StepRates } from '@mcld/optimizers/optimizer.js';
import type { Rows } from '@mcld/platform/rows.js';
import { argmax } from '@mcld/tensor/argmax.js';
import { type Device, loadBackend } from '@mcld/tensor/backend.js';
import { serveCompute } from '@mcld/tensor/compute-worker.js';
import { allFinite } from '@mcld/tensor/finite.js';
import { type ChannelStatistics, normalise } from '@mcld/tensor/normalise.js';
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
  /** The teacher's rows for the batch, as they cross threads, by output: of each that the loss reads. */
  readonly teacher: ReadonlyMap<TeacherOutput, Pick<Rows, 'values' | 'width'>>;
  /** Fractional epochs, and steps, since the run began. */
  readonly epoch: number;
  readonly step: number;
  readonly rates: StepRates;
}

export interface StepResult {
  /** Unweighted value of each term by its name; last the weighted total. */
  readonly losses: Readonly<Record<string, number>>;
  /** Rows whose largest student logit is the target's. */
  readonly correct: number;
  /** Rows whose student logits are not finite. */
  readonly nonFinite: number;
}

let active: { readonly request: BeginRequest; readonly session: Session } | undefined;

function current(): { readonly request: BeginRequest; readonly session: Session } {
  if (!active) throw new Error('no run has begun in this thread');
  return active;
}

export const handlers = {
  async begin(request: BeginRequest): Promise<void> {
    const { device, distillerFolder }: TrainerWorkerData = workerData;
    loadBackend(device);
    handlers.end();
    active = { request, session: await Session.begin(request, distillerFolder) };
  },

  /** One step of the student. */
  step(step: StepRequest): StepResult {
    const { request, session } = current();
    const { pixels, labels } = step;
    const images = normalise(pixels, [labels.length, request.height, request.width], request.statistics);
    const tensors = tensorsOf(step, request);
    const report = session.training.step(images, tensors, step.rates, step.step);
    const losses = Object.entries(report.losses).map(([name, value]) => [name, numberOf(value)]);
    const result = { losses: Object.fromEntries(losses), ...countRows(report.logits.dataSync<'float32'>(), labels) };
    tf.dispose([images, tensors, report]);
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

function tensorsOf({ labels, ownShare = 1, teacher, epoch, step }: StepRequest, request: BeginRequest): StepTensors {
  const rows = labels.length;
  return {
    y: tf.tensor1d(labels, 'int32'),
    teacher: teacherTensors(teacher, [rows, request.classes]),
    progress: { epoch: tf.scalar(epoch), step: tf.scalar(step) },
    mixture: request.mixed
      ? { partners: tf.tensor1d(labels.toReversed(), 'int32'), share: tf.scalar(ownShare) }
      : undefined,
  };
}

/** A loss without a teacher is recorded with logits all the same, which it does not read. */
function teacherTensors(teacher: StepRequest['teacher'], [rows, classes]: [number, number]): TeacherOutputs {
  const tensors = new Map(
    [...teacher].map(([output, { values, width }]) => [output, tf.tensor2d(values, [rows, width])]),
  );
  return { ...Object.fromEntries(tensors), logits: tensors.get('logits') ?? tf.zeros([rows, classes]) };
}

const numberOf = (scalar: tf.Scalar): number => scalar.dataSync<'float32'>()[0] ?? Number.NaN;

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
