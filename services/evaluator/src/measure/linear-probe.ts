import { cursorOf, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { controlsAt, type Updated } from '@mcld/optimizers/optimizer.js';
import { multiStep } from '@mcld/optimizers/schedules/multi-step.js';
import { sgd } from '@mcld/optimizers/sgd.js';
import { normals, permutation } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import { CompiledFunction } from '@mcld/tensor/compiled.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';

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
  /** Test images whose logits are not finite, and so guessed wrong: with any, the probe has diverged. */
  readonly nonFinite: number;
}

type ProbeStep = {
  readonly state: Updated;
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor1D;
  readonly controls: Readonly<Record<string, tf.Scalar>>;
};

/**
 * Fits a linear layer on frozen features: weights N(0, 0.01), bias 0, SGD with momentum 0.9 and weight
 * decay 5e-4, ×0.1 at 30, 60 and 90 of 120 epochs.
 */
export function fitProbe(train: ProbeData, test: ProbeData, settings: ProbeSettings): ProbeResult {
  const { classes, batchSize, epochs, lr, seed } = settings;
  const count = train.labels.length;
  const width = train.features.length / count;
  const stepsPerEpoch = stepsPerEpochOf(count, batchSize);
  const ratesAt = multiStep.withOptions({ milestones: [30, 60, 90] }, { lr, stepsPerEpoch, epochs });
  const initial = new Float32Array((width + 1) * classes);
  initial.set(normals(width * classes, 0.01, seed, 0, Purpose.probe));
  const optimizer = sgd.withOptions({ momentum: 0.9 }, 5e-4);
  const features = tf.tensor2d(train.features, [count, width]);
  const labels = tf.tensor1d(train.labels, 'int32');
  const compiled = new CompiledFunction(({ state, x, y, controls }: ProbeStep) => {
    const loss = (flat: tf.Tensor1D) => crossEntropy(linear(x, flat, width, classes), y);
    const { grad: gradients } = tf.valueAndGrad(loss)(state.parameters);
    return optimizer.update({ ...state, gradients, controls });
  });
  let state: Updated = { parameters: tf.tensor1d(initial), slots: { momentum: tf.zeros([initial.length]) } };
  for (let step = 0; step < stepsPerEpoch * epochs; step++) {
    const cursor = cursorOf(step, stepsPerEpoch);
    const order = permutation(count, seed, cursor.epoch);
    const at = cursor.step * batchSize;
    state = tf.tidy(() => {
      const rows = tf.tensor1d(Int32Array.from(order.subarray(at, at + batchSize)), 'int32');
      const controls = controlsAt(optimizer, ratesAt(step), step);
      const moved = compiled.run({ state, x: tf.gather(features, rows), y: tf.gather(labels, rows), controls });
      tf.dispose(state);
      return moved;
    });
  }
  const measure = ({ features: f, labels: l }: ProbeData): { top1: number; nonFinite: number } =>
    tf.tidy(() => {
      const z = linear(tf.tensor2d(f, [l.length, width]), state.parameters, width, classes);
      const guesses = tf.argMax(z, 1).dataSync();
      const finite = tf.all(tf.isFinite(z), 1).dataSync();
      const right = l.filter((label, i) => finite[i] && label === guesses[i]).length;
      return { top1: right / l.length, nonFinite: finite.filter((whole) => !whole).length };
    });
  const result = { ...measure(test), trainTop1: measure(train).top1 };
  tf.dispose([features, labels, state]);
  compiled.dispose();
  return result;
}

/** x·W + b with W and b in one flat vector. */
function linear(x: tf.Tensor2D, flat: tf.Tensor1D, width: number, classes: number): tf.Tensor2D {
  const w = tf.reshape<tf.Rank.R2>(tf.slice(flat, [0], [width * classes]), [width, classes]);
  const b = tf.slice(flat, [width * classes], [classes]);
  return tf.add(tf.matMul(x, w), b);
}
