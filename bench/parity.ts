/**
 * `npm run bench:parity`: training here against training in PyTorch, from the same weights on the same
 * batches of real images, for each method and seed. Two things are compared, and it exits 1 past a limit:
 *
 * (a) step by step, each fifth one from the weights and momenta of a float32 run of PyTorch: the loss to
 *     1e-5 of that step's in float64. Every updated tensor to 1e-4 of its largest update (or to what
 *     float32 resolves at its size) of PyTorch's own step in float32, channels last. Where a ReLU's input
 *     lies within float32's rounding error of 0, two right answers differ by more: there the tensor must
 *     lie between those answers in float64 (see parity.py), and this must not be so for more tensors than
 *     it is for PyTorch's own step in its other layout, NCHW.
 * (b) running free: how far the loss is from PyTorch's float64 run at 10, 30 and 100 steps, at most twice
 *     as far as PyTorch's own float32 runs. Training is chaotic: a distance is the mean over the ten
 *     steps before, over the seeds the geometric mean; PyTorch's is the furthest of five runs that differ
 *     in layout and in the order of a batch's rows.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOTAL } from '@mcld/distillers/distiller.js';
import { type DistillerName, distillerFacts } from '@mcld/distillers/facts.js';
import { objectiveOf, type StepReport, type StepTensors } from '@mcld/distillers/objective.js';
import { distillers } from '@mcld/distillers/registry.js';
import { initialState, type StateArray, type StateDict } from '@mcld/models/layers/state-dict.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { Training } from '@mcld/models/training/training.js';
import { sgd } from '@mcld/optimizers/sgd.js';
import { normals } from '@mcld/random/draws.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import * as tf from '@tensorflow/tfjs-core';

const SEEDS = [0, 1, 2];
const METHODS = ['ce', 'kd', 'dkd', 'rld', 'mcld'] as const;
const plan = {
  model: 'resnet8',
  classes: 100,
  steps: 100,
  /** Steps between two that are compared in float64, which is slow in PyTorch. */
  every: 5,
  batch: 64,
  lr: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  methods: METHODS,
} as const;
const MARKS = [10, 30, 100];
const LOSS_LIMIT = 1e-5;
const UPDATE_LIMIT = 1e-4;
const FREE_LIMIT = 2;

const samples = fileURLToPath(new URL('../samples/cifar-100-binary/train.bin', import.meta.url));
const here = path.dirname(fileURLToPath(import.meta.url));
const network = new TrainableNetwork(plan.model, plan.classes);
const names = [...initialState(plan.model, plan.classes, 0)].map(([name, { shape }]) => ({ name, shape }));
const rates = { lr: plan.lr };

interface Batches {
  /** Normalised, [steps, batch, 3, 32, 32]. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  /** A teacher that is mostly right: noise, and a bonus for the target. */
  readonly teacher: Float32Array;
}

function makeBatches(seed: number): Batches {
  const { steps, batch, classes } = plan;
  const file = readFileSync(samples);
  const record = 3074;
  const count = steps * batch;
  const stored = Math.floor(file.length / record);
  const [mean, std] = [
    [0.5071, 0.4867, 0.4408],
    [0.2675, 0.2565, 0.2761],
  ];
  const images = new Float32Array(count * 3072);
  const labels = new Int32Array(count);
  const teacher = normals(count * classes, 2, seed, 77);
  for (let i = 0; i < count; i++) {
    const at = ((i + seed * 997) % stored) * record;
    labels[i] = file[at + 1] as number;
    for (let p = 0; p < 3072; p++) {
      const channel = Math.floor(p / 1024);
      const value = (file[at + 2 + p] as number) / 255;
      images[i * 3072 + p] = (value - (mean?.[channel] as number)) / (std?.[channel] as number);
    }
    const target = i * classes + (labels[i] as number);
    teacher[target] = (teacher[target] as number) + 6;
  }
  return { images, labels, teacher };
}

/** One training of a method, which can be set to any state before a step. */
class Trainee {
  #training: Training<StepTensors, StepReport>;

  constructor(
    readonly method: DistillerName,
    weights: StateDict,
    momentum?: Float32Array,
  ) {
    const hasWarmup = 'warmup' in distillerFacts[method].options.shape;
    const distil = distillers[method].withOptions(hasWarmup ? { warmup: 'none' } : {});
    this.#training = new Training(
      network,
      sgd.withOptions({ momentum: plan.momentum }, plan.weightDecay),
      objectiveOf(distil, 0),
      weights,
      momentum && { momentum },
    );
  }

  step({ images, labels, teacher }: Batches, step: number): number {
    const { batch, classes } = plan;
    const rows = <T extends Float32Array | Int32Array>(all: T, width: number) =>
      all.subarray(step * batch * width, (step + 1) * batch * width) as T;
    const x = tf.tidy(
      () => tf.transpose(tf.tensor4d(rows(images, 3072), [batch, 3, 32, 32]), [0, 2, 3, 1]) as tf.Tensor4D,
    );
    const given: StepTensors = {
      y: tf.tensor1d(rows(labels, 1), 'int32'),
      teacher: { logits: tf.tensor2d(rows(teacher, classes), [batch, classes]) },
      progress: { epoch: tf.scalar(0), step: tf.scalar(0) },
    };
    const report = this.#training.step(x, given, rates, step);
    const [value = Number.NaN] = report.losses[TOTAL]?.dataSync() ?? [];
    tf.dispose([x, given, report]);
    return value;
  }

  /** Arrays in the order of parity.py's states. */
  arrays(): Float32Array[] {
    return [...this.#training.weights().values(), ...this.#training.slot('momentum').values()].map(({ data }) => data);
  }

  restore(weights: StateDict, momentum: Float32Array): void {
    this.#training.restore(weights, { momentum });
  }

  dispose(): void {
    this.#training.dispose();
  }
}

/** What parity.py writes of each step: before (float32), after in float64 and in float32, channels last. */
class States {
  readonly #bytes: Buffer;
  readonly #shapes: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly #size: number;

  constructor(file: string) {
    this.#bytes = readFileSync(file);
    const trainable = network.trainable.specs.map(({ name, shape }) => ({ name, shape }));
    this.#shapes = [...names, ...trainable];
    this.#size = this.#shapes.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  }

  before(step: number): Float32Array[] {
    return this.#cut(new Float32Array(this.#read(step, 0, 4)));
  }

  after(step: number): Float64Array[] {
    return this.#cut(new Float64Array(this.#read(step, 4, 8)));
  }

  afterInFloat32(step: number): Float32Array[] {
    return this.#cut(new Float32Array(this.#read(step, 12, 4)));
  }

  /** @param offset, width in bytes an element */
  #read(step: number, offset: number, width: number): ArrayBuffer {
    const from = (step * 16 + offset) * this.#size;
    return Uint8Array.from(this.#bytes.subarray(from, from + this.#size * width)).buffer;
  }

  #cut<T extends Float32Array | Float64Array>(flat: T): T[] {
    let offset = 0;
    return this.#shapes.map(({ shape }) => {
      const piece = flat.subarray(offset, offset + shape.reduce((a, b) => a * b, 1)) as T;
      offset += piece.length;
      return piece;
    });
  }

  state(arrays: readonly Float32Array[]): { weights: StateDict; momentum: Float32Array } {
    const named = this.#shapes.map(({ name, shape }, i): [string, StateArray] => [
      name,
      { shape, data: arrays[i] as Float32Array },
    ]);
    return {
      weights: new Map(named.slice(0, names.length)),
      momentum: network.trainable.flatten(new Map(named.slice(names.length))),
    };
  }
}

const largest = (values: ArrayLike<number>, other?: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs((values[i] as number) - (other?.[i] ?? 0)));
  return most;
};

/** What parity.py found for a method. */
interface PeerResult {
  readonly float64: readonly number[];
  readonly float32: readonly (readonly number[])[];
  /** Loss of each exact step, and by tensor what hangs on ReLUs' edges. */
  readonly step: readonly number[];
  readonly near: readonly (readonly number[])[];
  /** By tensor: is PyTorch's step in its other layout (NCHW) as near to the one with channels last? */
  readonly own: readonly (readonly boolean[])[];
}

/** (a): the worst loss and the worst tensor, the latter as a share of what is allowed. */
function stepByStep(method: DistillerName, batches: Batches, states: States, peer: PeerResult) {
  let [loss, update, strictly, tensors] = [0, 0, 0, 0];
  const first = states.state(states.before(0));
  const trainee = new Trainee(method, first.weights, first.momentum);
  for (let at = 0; at < plan.steps / plan.every; at++) {
    const step = at * plan.every;
    const before = states.before(at);
    const { weights, momentum } = states.state(before);
    trainee.restore(weights, momentum);
    const value = trainee.step(batches, step);
    const exact = peer.step[at] as number;
    loss = Math.max(loss, Math.abs(value - exact) / exact);
    const [after, peers] = [states.after(at), states.afterInFloat32(at)];
    for (const [i, found] of trainee.arrays().entries()) {
      const wanted = after[i] as Float64Array;
      const resolution = largest(wanted) * 2 ** -23;
      const near = peer.near[at]?.[i] as number;
      const limit = Math.max(UPDATE_LIMIT * largest(wanted, before[i]), resolution);
      const strict = largest(found, peers[i]) <= limit;
      // All doubtful inputs together may cancel in part: one of them can move a tensor further than all.
      if (!strict) update = Math.max(update, largest(found, wanted) / (limit + 2 * near));
      strictly += strict ? 1 : 0;
      tensors++;
    }
  }
  trainee.dispose();
  return { loss, update, strictly: strictly / tensors };
}

/** Mean distance of two curves over the ten steps before a mark. */
function distance(a: readonly number[], b: readonly number[], mark: number): number {
  let sum = 0;
  for (let i = mark - 10; i < mark; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
  return sum / 10;
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

let failed = false;
function verdict(ok: boolean): string {
  failed ||= !ok;
  return ok ? 'ok' : 'FAILED';
}

/** Distances from float64 by mark: ours, and each of PyTorch's float32 runs. */
type Distances = readonly { readonly ours: number; readonly theirs: readonly number[] }[];

function compare(method: DistillerName, seed: number, folder: string, batches: Batches, weights: StateDict): Distances {
  const peer: PeerResult = JSON.parse(readFileSync(path.join(folder, 'results.json'), 'utf8'))[method];
  const states = new States(path.join(folder, `${method}.states.bin`));
  const own = peer.own.flat();
  const ownShare = own.filter(Boolean).length / own.length;
  const { loss, update, strictly } = stepByStep(method, batches, states, peer);
  const trainee = new Trainee(method, weights);
  const free = Array.from({ length: plan.steps }, (_, step) => trainee.step(batches, step));
  trainee.dispose();
  console.log(
    `${seed}     ${method.padEnd(8)}${loss.toExponential(1)} ${verdict(loss <= LOSS_LIMIT).padEnd(8)}` +
      `${(100 * strictly).toFixed(0)} %, ${(100 * ownShare).toFixed(0)} % ${verdict(strictly >= ownShare).padEnd(8)}${update.toFixed(2)} ${verdict(update <= 1)}`,
  );
  return MARKS.map((mark) => ({
    ours: distance(free, peer.float64, mark),
    theirs: peer.float32.map((curve) => distance(curve, peer.float64, mark)),
  }));
}

const python = process.env.MCLD_PYTHON ?? 'python3';
loadBackend();
const found = new Map<DistillerName, Distances[]>(METHODS.map((method) => [method, []]));
console.log(
  `(a) seed  method  loss, of ${LOSS_LIMIT}   tensors within ${UPDATE_LIMIT}: here, PyTorch's NCHW   worst of the others, of what is allowed`,
);
for (const seed of SEEDS) {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcld-parity-'));
  try {
    const batches = makeBatches(seed);
    const weights = initialState(plan.model, plan.classes, seed);
    const flat = Float32Array.from([...weights.values()].flatMap(({ data }) => [...data]));
    writeFileSync(path.join(folder, 'plan.json'), JSON.stringify(plan));
    writeFileSync(path.join(folder, 'weights.bin'), flat);
    for (const [name, data] of Object.entries(batches)) writeFileSync(path.join(folder, `${name}.bin`), data);
    execFileSync(python, [path.join(here, 'parity.py'), folder], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (const method of METHODS) found.get(method)?.push(compare(method, seed, folder, batches, weights));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
console.log(`(b) method  after   distance from float64: here, PyTorch, ratio (at most ${FREE_LIMIT})`);
for (const [method, seeds] of found) {
  for (const [m, mark] of MARKS.entries()) {
    const ours = geometricMean(seeds.map((distances) => distances[m]?.ours as number));
    const runs = seeds[0]?.[m]?.theirs.map((_, run) =>
      geometricMean(seeds.map((distances) => distances[m]?.theirs[run] as number)),
    ) as number[];
    const theirs = Math.max(...runs);
    const figures = `${ours.toExponential(1)}  ${theirs.toExponential(1)}  ${(ours / theirs).toFixed(2)}`;
    console.log(
      `    ${method.padEnd(8)}${String(mark).padStart(3)}     ${figures}  ${verdict(ours <= FREE_LIMIT * theirs)}`,
    );
  }
}
process.exitCode = failed ? 1 : 0;
