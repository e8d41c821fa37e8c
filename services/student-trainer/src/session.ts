import type { Distiller } from '@mcld/distillers/distiller.js';
import { TOTAL, totalOf } from '@mcld/distillers/distiller.js';
import { loadDistiller } from '@mcld/distillers/own.js';
import { distillers } from '@mcld/distillers/registry.js';
import { decodeSafetensors, encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import type { FlatLayout } from '@mcld/models/layers/flat-layout.js';
import { elements } from '@mcld/models/layers/parameters.js';
import { assertFinite, initialState, type StateArray, type StateDict } from '@mcld/models/layers/state-dict.js';
import { stochasticDepth } from '@mcld/models/training/stochastic-depth.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { type ObjectiveOf, Training } from '@mcld/models/training/training.js';
import type { ModelName } from '@mcld/models/zoo/registry.js';
import type { DistillerSpec, OptimizerSpec } from '@mcld/recipe/schema.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import { AVERAGE, adamW, type Optimizer, sgd, withAverage, withClipping } from '@mcld/tensor/optimizer.js';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** What a run trains, and how; the parts of its recipe that the compute thread needs. */
export interface SessionRequest {
  readonly model: ModelName;
  readonly classes: number;
  readonly seed: number;
  readonly distiller: DistillerSpec;
  readonly optimizer: OptimizerSpec;
  readonly labelSmoothing: number;
  readonly stochasticDepth: number;
  /** Whether steps are of mixed images, which have two labels. */
  readonly mixed?: boolean;
  /** Weights and optimiser to go on with; absent: the initial ones of the seed. */
  readonly resume?: Snapshot;
}

/** A student as files: safetensors with PyTorch's names and layouts. */
export interface Snapshot {
  /** What is evaluated and exported: the averaged weights where the optimiser keeps an average. */
  readonly model: Uint8Array;
  /** The optimiser's slots by name and parameter, and `weights.*` where `model` holds the averaged ones. */
  readonly optimizer: Uint8Array;
}

/** Slot under which the weights that training goes on with are kept beside their average. */
const RAW = 'weights';

/** A student in training and the names of its loss terms. */
export class Session {
  #termNames: readonly string[] = [];

  private constructor(
    readonly request: SessionRequest,
    readonly training: Training,
  ) {}

  /** @param distillerFolder where modules of users' own distillers are loaded from; '': nowhere */
  static async begin(request: SessionRequest, distillerFolder: string): Promise<Session> {
    const { model, classes, seed, resume } = request;
    const distil = await distillerOf(request.distiller, distillerFolder);
    const network = new TrainableNetwork(model, classes);
    const optimizer = optimizerOf(request.optimizer, network.trainable);
    const { weights, slots } = resume
      ? restored(resume, network, optimizer)
      : { weights: initialState(model, classes, seed), slots: undefined };
    const depth = stochasticDepth(model, request.stochasticDepth, seed);
    const names = (terms: readonly string[]) => {
      session.#termNames = terms;
    };
    const objective = objectiveOf(distil, request.labelSmoothing, names);
    const session: Session = new Session(request, new Training(network, optimizer, objective, weights, slots, depth));
    return session;
  }

  /** Names of the loss terms, known after the first step; the last is the total. */
  get termNames(): readonly string[] {
    return this.#termNames;
  }

  /** @throws WeightMismatchError when a value is no number: such a state must not be kept */
  snapshot(): Snapshot {
    const { training, request } = this;
    const about = { format: 'pt', model: request.model, classes: String(request.classes) };
    const averaged = training.optimizer.slots.some(({ name }) => name === AVERAGE);
    const raw = training.weights();
    const model = averaged ? training.weightsWith(AVERAGE) : raw;
    const slots = training.optimizer.slots.filter(({ name }) => name !== AVERAGE);
    const state = new Map<string, StateArray>(
      slots.flatMap(({ name }) => prefixed(name, training.slot(name))).concat(averaged ? prefixed(RAW, raw) : []),
    );
    for (const [name, array] of [...model, ...state]) assertFinite(name, array);
    return {
      model: encodeSafetensors(model, about),
      optimizer: encodeSafetensors(state, { ...about, content: 'optimizer' }),
    };
  }

  dispose(): void {
    this.training.dispose();
  }
}

async function distillerOf(spec: DistillerSpec, folder: string): Promise<Distiller> {
  if (spec.name === 'module') return loadDistiller(folder, spec.path, spec.options);
  const { name, ...options } = spec;
  return distillers[name].withOptions(options);
}

function optimizerOf(spec: OptimizerSpec, layout: FlatLayout): Optimizer {
  const weightDecay = spec.decay === 'all' ? spec.weightDecay : decayOfWeights(spec.weightDecay, layout);
  const plain = spec.name === 'sgd' ? sgd({ weightDecay, nesterov: spec.nesterov }) : adamW({ ...spec, weightDecay });
  const clipped = spec.clipNorm === undefined ? plain : withClipping(plain, spec.clipNorm);
  return spec.averageDecay === undefined ? clipped : withAverage(clipped, spec.averageDecay);
}

/** 0 for parameters of one axis: biases, and scales and shifts of norms. */
function decayOfWeights(weightDecay: number, { specs, size }: FlatLayout): Float32Array {
  const decay = new Float32Array(size);
  let offset = 0;
  for (const { shape } of specs) {
    const count = elements(shape);
    if (shape.length > 1) decay.fill(weightDecay, offset, offset + count);
    offset += count;
  }
  return decay;
}

/**
 * Extras of a step: targets [B], teacher logits [B, C], and (epoch, step); with mixed images the partners' targets [B] and the
 * share of a row's own, by which the cross-entropy is parted (Mixup's equation 2). Other losses see a row's own target.
 */
function objectiveOf(distil: Distiller, smoothing: number, names: (terms: string[]) => void): ObjectiveOf {
  return (zs, extras) => {
    const [y, zt, progress, partners, share] = extras as unknown as [Tensor1D, Tensor2D, Tensor1D, Tensor1D?, Scalar?];
    const crossEntropyOf = () => {
      const own = crossEntropy(zs, y, smoothing);
      if (!partners || !share) return own;
      const other = crossEntropy(zs, partners, smoothing);
      return tf.add(tf.mul(share, own), tf.mul(tf.sub(1, share), other)) as Scalar;
    };
    const [epoch, step] = tf.unstack(progress) as [Scalar, Scalar];
    const terms = distil({ zs, zt, y, epoch, step, crossEntropy: crossEntropyOf });
    const loss = totalOf(terms);
    names([...Object.keys(terms), TOTAL]);
    return { loss, report: [tf.stack([...Object.values(terms).map(({ value }) => value), loss]), zs] };
  };
}

function restored(snapshot: Snapshot, network: TrainableNetwork, optimizer: Optimizer) {
  const model = decodeSafetensors(snapshot.model).tensors;
  const state = decodeSafetensors(snapshot.optimizer).tensors;
  const flat = (slot: string) => network.trainable.flatten(state, (name) => `${slot}.${name}`);
  const averaged = optimizer.slots.some(({ name }) => name === AVERAGE);
  const raw = [...state].filter(([name]) => name.startsWith(`${RAW}.`));
  return {
    weights: averaged ? new Map(raw.map(([name, array]) => [name.slice(RAW.length + 1), array])) : model,
    slots: Object.fromEntries(
      optimizer.slots.map(({ name }) => [name, name === AVERAGE ? network.trainable.flatten(model) : flat(name)]),
    ),
  };
}

function prefixed(slot: string, state: StateDict): [string, StateArray][] {
  return [...state].map(([name, array]) => [`${slot}.${name}`, array]);
}
