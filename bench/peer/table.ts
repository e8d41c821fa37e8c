/**
 * `npm run bench:peer`: the same work here and in PyTorch (channels_last), on the same cores, in turn in one
 * run. Prints medians and their ratio beside the limit; exits 1 where a ratio is past it.
 */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { totalOf } from '@mcld/distillers/distiller.js';
import { distillers } from '@mcld/distillers/registry.js';
import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import { initialState, type StateArray } from '@mcld/models/layers/state-dict.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { Training } from '@mcld/models/training/training.js';
import type { ModelName } from '@mcld/models/zoo/registry.js';
import { sgd } from '@mcld/optimizers/sgd.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import { CompiledFunction } from '@mcld/tensor/compiled.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';

const ROUNDS = 7;
const BATCH = 64;
const CLASSES = 100;

interface Row {
  readonly label: string;
  readonly work: 'mcld' | 'ce' | 'forward' | 'loss';
  /** A model's name, or the loss's number of classes. */
  readonly model: string;
  /** Largest ratio to PyTorch's time that is aimed at. */
  readonly limit: number;
}

const rows: readonly Row[] = [
  { label: 'ResNet8x4 step, MCLD', work: 'mcld', model: 'resnet8x4', limit: 1 },
  { label: 'ResNet20 step', work: 'ce', model: 'resnet20', limit: 1 },
  { label: 'WRN-16-2 step', work: 'ce', model: 'wrn_16_2', limit: 1.1 },
  { label: 'VGG8 step', work: 'ce', model: 'vgg8', limit: 1.1 },
  { label: 'ShuffleNetV1 step', work: 'ce', model: 'ShuffleV1', limit: 1.25 },
  { label: 'ShuffleNetV2 step', work: 'ce', model: 'ShuffleV2', limit: 1.25 },
  { label: 'MobileNetV2 step', work: 'ce', model: 'MobileNetV2', limit: 1.5 },
  { label: 'ResNet32x4 forward, folded', work: 'forward', model: 'resnet32x4', limit: 0.9 },
  { label: 'DeiT-Ti (32×32, patch 4) forward', work: 'forward', model: 'deit_tiny_patch4_32', limit: 1.25 },
  { label: 'DeiT-Ti (32×32, patch 4) step', work: 'ce', model: 'deit_tiny_patch4_32', limit: 1.25 },
  { label: 'MCLD loss and gradient, C 100', work: 'loss', model: '100', limit: 1 },
  { label: 'MCLD loss and gradient, C 1000', work: 'loss', model: '1000', limit: 1 },
];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

interface Work {
  run(): void;
  dispose(): void;
}

const targets = () =>
  tf.tensor1d(
    Array.from({ length: BATCH }, (_, i) => i % CLASSES),
    'int32',
  );

function mcldOf(zs: tf.Tensor2D, zt: tf.Tensor2D, y: tf.Tensor1D): tf.Scalar {
  const zero = tf.scalar(0);
  const distil = distillers.mcld.withOptions({ warmup: 'none' });
  return totalOf(distil({ zs, zt, y, epoch: zero, step: zero, crossEntropy: () => crossEntropy(zs, y) }));
}

function stepWork(model: ModelName, loss: 'mcld' | 'ce'): Work {
  const training = new Training(
    new TrainableNetwork(model, CLASSES),
    sgd.withOptions({ momentum: 0.9 }, 5e-4),
    ({ logits: zs }, { y, zt }: { y: tf.Tensor1D; zt: tf.Tensor2D }) => {
      const value = loss === 'mcld' ? mcldOf(zs, zt, y) : crossEntropy(zs, y);
      return { loss: value, report: { value } };
    },
    initialState(model, CLASSES, 0),
  );
  const x: tf.Tensor4D = tf.randomNormal([BATCH, 32, 32, 3], 0, 1, 'float32', 1);
  const given = { y: targets(), zt: tf.randomNormal<tf.Rank.R2>([BATCH, CLASSES], 0, 1, 'float32', 2) };
  let step = 0;
  return {
    run() {
      const { value } = training.step(x, given, { lr: 0.01 }, step++);
      value.dataSync();
      value.dispose();
    },
    dispose() {
      training.dispose();
      tf.dispose([x, given]);
    },
  };
}

function forwardWork(model: ModelName): Work {
  // Biases and statistics as a trained network has them: zeros would be optimised away.
  const state = [...initialState(model, CLASSES, 0)].map(([name, { shape, data }]): [string, StateArray] => {
    const moved = name.endsWith('.bias') || name.includes('running_');
    return [name, { shape, data: moved ? data.map((v, i) => v + 0.1 * Math.sin(i) ** 2) : data }];
  });
  const network = new InferenceNetwork(model, CLASSES, new Map(state));
  const x: tf.Tensor4D = tf.randomNormal([BATCH, 32, 32, 3], 0, 1, 'float32', 1);
  return {
    run() {
      const { features, logits } = network.forward(x);
      logits.dataSync();
      tf.dispose([features, logits]);
    },
    dispose() {
      network.dispose();
      x.dispose();
    },
  };
}

function lossWork(classes: number): Work {
  const compiled = new CompiledFunction(({ zs, zt, y }: { zs: tf.Tensor2D; zt: tf.Tensor2D; y: tf.Tensor1D }) =>
    tf.valueAndGrad((z: tf.Tensor2D) => mcldOf(z, zt, y))(zs),
  );
  const inputs = {
    zs: tf.randomNormal<tf.Rank.R2>([BATCH, classes], 0, 1, 'float32', 1),
    zt: tf.randomNormal<tf.Rank.R2>([BATCH, classes], 0, 1, 'float32', 2),
    y: tf.tensor1d(
      Array.from({ length: BATCH }, (_, i) => i % 40),
      'int32',
    ),
  };
  return {
    run() {
      const { value, grad } = compiled.run(inputs);
      value.dataSync();
      tf.dispose([value, grad]);
    },
    dispose() {
      compiled.dispose();
      tf.dispose(inputs);
    },
  };
}

function workOf({ work, model }: Row): Work {
  if (work === 'loss') return lossWork(Number(model));
  return work === 'forward' ? forwardWork(model as ModelName) : stepWork(model as ModelName, work);
}

/** The peer's process: one job after another. */
class Peer {
  readonly #process = spawn(
    process.env.MCLD_PYTHON ?? 'python3',
    [fileURLToPath(new URL('step.py', import.meta.url))],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  readonly #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  async times({ work, model }: Row, count: number): Promise<number[]> {
    this.#process.stdin.write(`${JSON.stringify({ work, model, count })}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the Python process ended: does it have torch? (MCLD_PYTHON names another)');
    return JSON.parse(value) as number[];
  }

  close(): void {
    this.#process.stdin.end();
  }
}

function timesHere(work: Work, count: number): number[] {
  return Array.from({ length: count }, () => {
    const start = performance.now();
    work.run();
    return performance.now() - start;
  });
}

export async function peerTable(only: readonly string[]): Promise<boolean> {
  loadBackend();
  const peer = new Peer();
  console.log(`batch ${BATCH}, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}; medians in ms`);
  console.log(
    `${'work'.padEnd(34)}${'here'.padStart(9)}${'PyTorch'.padStart(9)}${'ratio'.padStart(8)}${'limit'.padStart(7)}`,
  );
  let within = true;
  const medians = new Map<string, number>();
  for (const row of rows) {
    if (only.length > 0 && !only.includes(row.model)) continue;
    const work = workOf(row);
    const count = row.work === 'loss' ? 50 : 3;
    timesHere(work, 3);
    await peer.times(row, 3);
    const [here, there]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      here.push(median(timesHere(work, count)));
      there.push(median(await peer.times(row, count)));
    }
    work.dispose();
    const ratio = median(here) / median(there);
    medians.set(row.label, median(here));
    within &&= ratio <= row.limit;
    const figures = [median(here).toFixed(2).padStart(9), median(there).toFixed(2).padStart(9)];
    const verdict = ratio <= row.limit ? '' : '  past it';
    console.log(
      `${row.label.padEnd(34)}${figures.join('')}${ratio.toFixed(2).padStart(8)}${String(row.limit).padStart(7)}${verdict}`,
    );
  }
  const [loss, step] = [medians.get('MCLD loss and gradient, C 100'), medians.get('ResNet8x4 step, MCLD')];
  if (loss && step)
    console.log(`MCLD loss and gradient (C 100): ${((100 * loss) / step).toFixed(2)} % of a ResNet8x4 step, limit 2 %`);
  peer.close();
  return within;
}
