import { controlsAt, type Optimizer, type StepRates } from '@mcld/optimizers/optimizer.js';
import { CompiledFunction } from '@mcld/tensor/compiled.js';
import type { TensorRecord } from '@mcld/tensor/tensor-record.js';
import type { Scalar, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { StateDict } from '../layers/state-dict.js';
import type { DropPath } from '../layers/training-layers.js';
import type { ObjectiveOf, TrainableNetwork } from './trainable-network.js';

/** Branches left out at random; see `Layers.dropPath`. */
export interface StochasticDepth {
  /** For each branch and sample, float32 [branches · B]: 0, or what the branch is multiplied with. */
  factors(step: number, batch: number): Float32Array;
}

/** An optimiser's slots by name, in the parameters' order. */
export type Slots = Readonly<Record<string, Float32Array>>;

/**
 * What is carried from step to step. Parameters that an objective has of its own would be a further entry: a vector
 * that is differentiated and updated beside the network's.
 */
type State = {
  /** float32 [P]. */
  readonly parameters: Tensor1D;
  readonly statistics: Tensor1D;
  /** The optimiser's, float32 [P] each. */
  readonly slots: Readonly<Record<string, Tensor1D>>;
};

/**
 * What a step takes. The order of the names is that of the graph's inputs: it stays, and with it the bytes of training.
 */
type StepInputs<G extends TensorRecord> = {
  readonly state: State;
  readonly images: Tensor4D;
  /** The optimiser's. */
  readonly controls: Readonly<Record<string, Scalar>>;
  readonly drops: Tensor1D | undefined;
  /** The objective's. */
  readonly given: G;
};

type StepOutputs<R extends TensorRecord> = { readonly state: State; readonly report: R };

/**
 * A network, its optimiser and what it minimises, trained step by step in one compiled graph.
 * `G` is what the objective is given at each step besides the network's outputs: targets, a teacher's outputs; `R` what
 * it reports. Both are records of tensors by name, and a new entry concerns the objective and its caller only.
 */
export class Training<G extends TensorRecord, R extends TensorRecord> {
  #state: State;
  readonly #compiled: CompiledFunction<StepInputs<G>, StepOutputs<R>>;

  /** @param slots of an earlier training, by name; absent: their initial values. @throws WeightMismatchError */
  constructor(
    readonly network: TrainableNetwork,
    readonly optimizer: Optimizer,
    objective: ObjectiveOf<G, R>,
    weights: StateDict,
    slots?: Slots,
    readonly depth?: StochasticDepth,
  ) {
    this.#state = this.#load(weights, slots);
    this.#compiled = new CompiledFunction((inputs) => this.#step(inputs, objective));
  }

  /** Sets weights and slots to another state. @throws WeightMismatchError */
  restore(weights: StateDict, slots?: Slots): void {
    tf.dispose(this.#state);
    this.#state = this.#load(weights, slots);
  }

  #load(weights: StateDict, given?: Slots): State {
    const { size } = this.network.trainable;
    const { parameters, statistics } = this.network.load(weights);
    const slots = Object.entries(this.optimizer.slots).map(([name, initial]): [string, Tensor1D] => {
      const values = given?.[name];
      if (given && values?.length !== size) throw new Error(`no state of the optimiser's ${name}`);
      if (values) return [name, tf.tensor1d(values)];
      return [name, initial === 'zeros' ? tf.zeros([size]) : tf.clone(parameters)];
    });
    return { parameters, statistics, slots: Object.fromEntries(slots) };
  }

  /**
   * One step: forward, loss, backward, update. Batch norms use and track batch statistics.
   * @param images float32 [B, H, W, 3], normalised
   * @param given what the objective takes; it stays the caller's, as do the images
   * @param step counted from 0
   * @returns what the objective reports, owned by the caller
   */
  step(images: Tensor4D, given: G, rates: StepRates, step: number): R {
    const controls = controlsAt(this.optimizer, rates, step);
    const drops = this.depth && tf.tensor1d(this.depth.factors(step, images.shape[0]));
    const { state, report } = this.#compiled.run({ state: this.#state, images, controls, drops, given });
    tf.dispose([this.#state, controls, drops]);
    this.#state = state;
    return report;
  }

  /** The step as a pure function. */
  #step({ state, images, controls, drops, given }: StepInputs<G>, objective: ObjectiveOf<G, R>): StepOutputs<R> {
    const dropPaths = drops && dropPathsFrom(drops);
    const { gradients, statistics, report } = this.network.differentiate(
      state,
      images,
      (outputs) => objective(outputs, given),
      dropPaths,
    );
    const { parameters, slots } = this.optimizer.update({ ...state, gradients, controls });
    return { state: { parameters, statistics, slots }, report };
  }

  /** The weights as they stand. */
  weights(): StateDict {
    return this.network.save(this.#state);
  }

  /** The weights with the parameters of a slot in the place of their own. */
  weightsWith(slot: string): StateDict {
    return this.network.save({ ...this.#state, parameters: this.#slot(slot) });
  }

  /** A slot as PyTorch's arrays by parameter, a copy. */
  slot(name: string): StateDict {
    return this.network.trainable.unflatten(this.#slot(name).dataSync<'float32'>());
  }

  #slot(name: string): Tensor1D {
    const slot = this.#state.slots[name];
    if (!slot)
      throw new Error(`the optimiser has no slot '${name}'; it has ${Object.keys(this.#state.slots).join(', ')}`);
    return slot;
  }

  dispose(): void {
    tf.dispose(this.#state);
    this.#compiled.dispose();
  }
}

/** The factors row by row, in the order in which the branches come. */
function dropPathsFrom(factors: Tensor1D): DropPath {
  let branch = 0;
  return (batch) => tf.slice(factors, [branch++ * batch], [batch]);
}
