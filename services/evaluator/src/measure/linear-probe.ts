import { stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { normals, permutation } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import { CompiledFunction } from '@mcld/tensor/compiled.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import { sgd } from '@mcld/tensor/optimizer.js';
import { ratesAt, type Schedule } from '@mcld/tensor/schedule.js';
import * as tf from '@tensorflow/tfjs-core';

const NONE = { epochs: 0, startShare: 1 };

export interface ProbeData {
  /** float32 [N, F]. */
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

export interface ProbeSettings {
  readonly classes: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly lr: number;
  readonly seed: number;
}

export interface ProbeResult {
  /** Share of test images guessed right after the last epoch. */
  readonly top1: number;
  readonly trainTop1: number;
  /** Test images whose logits are no finite numbers, and so guessed wrong: with any, the probe has diverged. */
  readonly nonFinite: number;
}

/**
 * Fits a linear layer on frozen features: weights N(0, 0.01), bias 0, SGD with momentum 0.9 and weight
 * decay 5e-4, ×0.1 at 30, 60 and 90 of 120 epochs.
 */
export function fitProbe(train: ProbeData, test: ProbeData, settings: ProbeSettings): ProbeResult {
  const { classes, batchSize, epochs, lr, seed } = settings;
  const count = train.labels.length;
  const width = train.features.length / count;
  const stepsPerEpoch = stepsPerEpochOf(count, batchSize);
  const schedule: Schedule = { name: 'multi-step', milestones: [30, 60, 90], gamma: 0.1, warmup: NONE };
  const base = { lr, momentum: 0.9, stepsPerEpoch, epochs };
  const initial = new Float32Array((width + 1) * classes);
  initial.set(normals(width * classes, 0.01, seed, 0, Purpose.probe));
  const optimizer = sgd({ weightDecay: 5e-4, nesterov: false });
  const features = tf.tensor2d(train.features, [count, width]);
  const labels = tf.tensor1d(train.labels, 'int32');
  const compiled = new CompiledFunction((inputs) => {
    const [p, momentum, x, y, controls] = inputs as [tf.Tensor1D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D, tf.Tensor1D];
    const gradients = tf.grad((flat: tf.Tensor) => crossEntropy(linear(x, flat, width, classes), y))(p) as tf.Tensor1D;
    const updated = optimizer.update(p, gradients, [momentum], tf.unstack(controls) as tf.Scalar[]);
    return [updated.parameters, ...updated.slots];
  });
  let parameters = tf.tensor1d(initial);
  let momentum = tf.zeros([initial.length]) as tf.Tensor1D;
  for (let step = 0; step < stepsPerEpoch * epochs; step++) {
    const epoch = Math.floor(step / stepsPerEpoch);
    const order = permutation(count, seed, epoch);
    const at = (step % stepsPerEpoch) * batchSize;
    [parameters, momentum] = tf.tidy(() => {
      const rows = tf.tensor1d(Int32Array.from(order.subarray(at, at + batchSize)), 'int32');
      const controls = tf.tensor1d([...optimizer.controls(ratesAt(schedule, base, step), step)]);
      const batch = [tf.gather(features, rows), tf.gather(labels, rows)];
      const moved = compiled.run([parameters, momentum, ...batch, controls]);
      tf.dispose([parameters, momentum]);
      return moved as [tf.Tensor1D, tf.Tensor1D];
    });
  }
  const measure = ({ features: f, labels: l }: ProbeData): { top1: number; nonFinite: number } =>
    tf.tidy(() => {
      const z = linear(tf.tensor2d(f, [l.length, width]), parameters, width, classes);
      const guesses = tf.argMax(z, 1).dataSync();
      const finite = tf.all(tf.isFinite(z), 1).dataSync();
      const right = l.filter((label, i) => finite[i] && label === guesses[i]).length;
      return { top1: right / l.length, nonFinite: finite.filter((whole) => !whole).length };
    });
  const result = { ...measure(test), trainTop1: measure(train).top1 };
  tf.dispose([features, labels, parameters, momentum]);
  compiled.dispose();
  return result;
}

/** x·W + b with W and b in one flat vector. */
function linear(x: tf.Tensor2D, flat: tf.Tensor, width: number, classes: number): tf.Tensor2D {
  const w = tf.reshape(tf.slice(flat, [0], [width * classes]), [width, classes]) as tf.Tensor2D;
  const b = tf.slice(flat, [width * classes], [classes]);
  return tf.add(tf.matMul(x, w), b);
}
