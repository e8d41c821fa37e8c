import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import type { StateArray, StateDict } from '@mcld/models/layers/state-dict.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { isModelName, type ModelName } from '@mcld/models/zoo/registry.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { type Comparison, type FileResult, maxAbs, maxDeviation, norm } from './comparison.js';

const schema = z.object({
  model: z.string(),
  seed: z.number(),
  imageSize: z.number().default(32),
  batch: z.number(),
  targets: z.array(z.number()),
  parameters: z.array(z.tuple([z.string(), z.array(z.number())])),
  evalLogits: z.array(z.number()),
  pooledFeatureNorms: z.array(z.number()),
  trainLogits: z.array(z.number()),
  crossEntropy: z.number(),
  gradientNorms: z.record(z.string(), z.number()),
  runningNormsAfterOneTrainForward: z.record(z.string(), z.number()),
  tolerance: z.object({
    evalLogits: z.number(),
    trainLogits: z.number(),
    crossEntropy: z.number(),
    gradientNorms: z.number(),
    runningNorms: z.number(),
  }),
});

type Reference = z.output<typeof schema>;

const CLASSES = 100;

/** fill(k, n)[i] = 2·frac( sin(12.9898 i + 78.233 k + 37.719 seed) · 43758.5453 ) − 1. */
function fill(k: number, n: number, seed: number): Float32Array {
  return new Float32Array(n).map((_, i) => {
    const h = Math.sin(12.9898 * i + 78.233 * k + 37.719 * seed) * 43758.5453;
    return 2 * (h - Math.floor(h)) - 1;
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function stateOf({ parameters, seed }: Reference): StateDict {
  return new Map(
    parameters.map(([name, shape], k): [string, StateArray] => {
      const data = fill(k, sizeOf(shape), seed).map(scaling(name, shape));
      return [name, { shape, data }];
    }),
  );
}

/** What a parameter is made of by its noise, each operation rounded to float32. */
function scaling(name: string, shape: readonly number[]): (v: number) => number {
  const { fround } = Math;
  if (name.endsWith('running_mean')) return (v) => fround(0.1) * v;
  if (name.endsWith('running_var')) return (v) => 1 + fround(fround(0.5) * v);
  if (shape.length === 1 && name.endsWith('weight')) return (v) => 1 + fround(fround(0.2) * v);
  if (shape.length === 1) return (v) => fround(0.1) * v;
  const spread = fround(Math.sqrt(6 / sizeOf(shape.slice(1))));
  return (v) => v * spread;
}

function imagesOf({ batch, imageSize: size, seed }: Reference): tf.Tensor4D {
  const nchw = fill(1000, batch * 3 * size * size, seed).map((v) => Math.fround(Math.fround(1.7) * v));
  return tf.tidy(() => tf.transpose(tf.tensor4d(nchw, [batch, 3, size, size]), [0, 2, 3, 1]));
}

export function checkModel(file: string, content: unknown): FileResult {
  const reference = schema.parse(content);
  if (!isModelName(reference.model)) return { file, comparisons: [], unsupported: [reference.model] };
  const images = imagesOf(reference);
  const state = stateOf(reference);
  const comparisons = [
    ...checkInference(reference.model, state, reference, images),
    ...checkTraining(reference.model, state, reference, images),
  ];
  images.dispose();
  return { file, comparisons, unsupported: [] };
}

function checkInference(model: ModelName, weights: StateDict, reference: Reference, images: tf.Tensor4D): Comparison[] {
  const network = new InferenceNetwork(model, CLASSES, weights);
  const { features, logits } = network.forward(images);
  const norms = tf.tidy(() => tf.sqrt(tf.sum(tf.square(features), 1)).dataSync());
  const tolerance = reference.tolerance.evalLogits;
  const comparisons = [
    relative('evalLogits', logits.dataSync(), reference.evalLogits, tolerance),
    relative('pooledFeatureNorms', norms, reference.pooledFeatureNorms, tolerance),
  ];
  tf.dispose([features, logits]);
  network.dispose();
  return comparisons;
}

/** Largest deviation over the largest reference value. */
function relative(quantity: string, found: ArrayLike<number>, expected: number[], tolerance: number): Comparison {
  return { quantity, deviation: maxDeviation(found, expected) / maxAbs(expected), tolerance };
}

function checkTraining(model: ModelName, weights: StateDict, reference: Reference, images: tf.Tensor4D): Comparison[] {
  const { tolerance } = reference;
  const network = new TrainableNetwork(model, CLASSES);
  const state = network.load(weights);
  const y = tf.tensor1d(reference.targets, 'int32');
  const differentiated = network.differentiate(state, images, ({ logits }) => ({
    loss: crossEntropy(logits, y),
    report: { logits },
  }));
  const { loss, gradients, statistics, report } = differentiated;
  const byName = network.trainable.unflatten(gradients.dataSync<'float32'>());
  const largest = Math.max(...Object.values(reference.gradientNorms));
  const moved = network.save({ ...state, statistics });
  const comparisons: Comparison[] = [
    relative('trainLogits', report.logits.dataSync(), reference.trainLogits, tolerance.trainLogits),
    relative('crossEntropy', loss.dataSync(), [reference.crossEntropy], tolerance.crossEntropy),
    ...Object.entries(reference.gradientNorms).map(([name, expected]) => ({
      quantity: `gradient norm ${name}`,
      deviation: Math.abs(norm(byName.get(name)?.data ?? [Number.NaN]) - expected) / largest,
      tolerance: tolerance.gradientNorms,
    })),
    ...Object.entries(reference.runningNormsAfterOneTrainForward).map(([name, expected]) =>
      relative(`norm of ${name}`, [norm(moved.get(name)?.data ?? [Number.NaN])], [expected], tolerance.runningNorms),
    ),
  ];
  tf.dispose([loss, gradients, statistics, report.logits, y, state.parameters, state.statistics]);
  return comparisons;
}
