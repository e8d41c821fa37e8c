import type { Distiller } from '@mcld/distillers/distiller.js';
import { objectiveOf, type StepReport, type StepTensors } from '@mcld/distillers/objective.js';
import { loadDistiller } from '@mcld/distillers/own.js';
import { distillers } from '@mcld/distillers/registry.js';
import { decodeSafetensors, encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { assertFinite, initialState, type StateArray, type StateDict } from '@mcld/models/layers/state-dict.js';
import { stochasticDepth } from '@mcld/models/training/stochastic-depth.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { Training } from '@mcld/models/training/training.js';
import type { ModelName } from '@mcld/models/zoo/registry.js';
import { AVERAGE } from '@mcld/optimizers/average.js';
import type { Optimizer } from '@mcld/optimizers/optimizer.js';
import { type OptimizerSpec, optimizerOf } from '@mcld/optimizers/registry.js';
import type { DistillerSpec } from '@mcld/recipe/schema.js';

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

/** A student in training. */
export class Session {
  private constructor(
    readonly request: SessionRequest,
    readonly training: Training<StepTensors, StepReport>,
  ) {}

  /** @param distillerFolder where modules of users' own distillers are loaded from; '': nowhere */
  static async begin(request: SessionRequest, distillerFolder: string): Promise<Session> {
    const { model, classes, seed, resume } = request;
    const distil = await distillerOf(request.distiller, distillerFolder);
    const network = new TrainableNetwork(model, classes);
    const shapes = network.trainable.specs.map(({ shape }) => shape);
    const optimizer = optimizerOf(request.optimizer, shapes);
    const { weights, slots } = resume
      ? restored(resume, network, optimizer)
      : { weights: initialState(model, classes, seed), slots: undefined };
    const depth = stochasticDepth(model, request.stochasticDepth, seed);
    const objective = objectiveOf(distil, request.labelSmoothing);
    return new Session(request, new Training(network, optimizer, objective, weights, slots, depth));
  }

  /** @throws WeightMismatchError when a value is no number: such a state must not be kept */
  snapshot(): Snapshot {
    const { training, request } = this;
    const about = { format: 'pt', model: request.model, classes: String(request.classes) };
    const names = Object.keys(training.optimizer.slots);
    const averaged = names.includes(AVERAGE);
    const raw = training.weights();
    const model = averaged ? training.weightsWith(AVERAGE) : raw;
    const slots = names.filter((name) => name !== AVERAGE);
    const state = new Map<string, StateArray>(
      slots.flatMap((name) => prefixed(name, training.slot(name))).concat(averaged ? prefixed(RAW, raw) : []),
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

function restored(snapshot: Snapshot, network: TrainableNetwork, optimizer: Optimizer) {
  const model = decodeSafetensors(snapshot.model).tensors;
  const state = decodeSafetensors(snapshot.optimizer).tensors;
  const flat = (slot: string) => network.trainable.flatten(state, (name) => `${slot}.${name}`);
  const names = Object.keys(optimizer.slots);
  const averaged = names.includes(AVERAGE);
  const raw = [...state].filter(([name]) => name.startsWith(`${RAW}.`));
  return {
    weights: averaged ? new Map(raw.map(([name, array]) => [name.slice(RAW.length + 1), array])) : model,
    slots: Object.fromEntries(
      names.map((name) => [name, name === AVERAGE ? network.trainable.flatten(model) : flat(name)]),
    ),
  };
}

function prefixed(slot: string, state: StateDict): [string, StateArray][] {
  return [...state].map(([name, array]) => [`${slot}.${name}`, array]);
}
