import { CompiledFunction } from '@mcld/tensor/compiled.js';
import type { Optimizer, StepRates } from '@mcld/tensor/optimizer.js';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { StateDict } from '../layers/state-dict.js';
import type { DropPath } from '../layers/training-layers.js';
import type { NetworkState, TrainableNetwork } from './trainable-network.js';

/** What a step minimises, and what it tells. Pure; see `CompiledFunction`. */
export interface Objective {
  readonly loss: Scalar;
  /** Returned by each step: values of terms, logits. */
  readonly report: readonly Tensor[];
}

/**
 * @param logits float32 [B, classes]
 * @param extras what was given to the step besides the images: targets, teacher logits
 */
export type ObjectiveOf = (logits: Tensor2D, extras: readonly Tensor[]) => Objective;

/** Branches left out at random; see `Layers.dropPath`. */
export interface StochasticDepth {
  /** For each branch and sample, float32 [branches · B]: 0, or what the branch is multiplied with. */
  factors(step: number, batch: number): Float32Array;
}

/** An optimiser's slots by name, in the parameters' order. */
export type Slots = Readonly<Record<string, Float32Array>>;

/** A network, its optimiser and what it minimises, trained step by step in one compiled graph. */
export class Training {
  #state: NetworkState;
  #slots: Tensor1D[];
  readonly #compiled: CompiledFunction;

  /** @param slots of an earlier training, by name; absent: their initial values. @throws WeightMismatchError */
  constructor(
    readonly network: TrainableNetwork,
    readonly optimizer: Optimizer,
    objective: ObjectiveOf,
    weights: StateDict,
    slots?: Slots,
    readonly depth?: StochasticDepth,
  ) {
    this.#state = network.load(weights);
    this.#slots = this.#load(slots);
    this.#compiled = new CompiledFunction((inputs) => this.#step(inputs, objective));
  }

  /** Sets weights and slots to another state. @throws WeightMismatchError */
  restore(weights: StateDict, slots?: Slots): void {
    tf.dispose([this.#state.parameters, this.#state.statistics, ...this.#slots]);
    this.#state = this.network.load(weights);
    this.#slots = this.#load(slots);
  }

  #load(slots?: Slots): Tensor1D[] {
    const { size } = this.network.trainable;
    return this.optimizer.slots.map(({ name, initial }) => {
      const given = slots?.[name];
      if (slots && given?.length !== size) throw new Error(`no state of the optimiser's ${name}`);
      if (given) return tf.tensor1d(given);
      return initial === 'zeros' ? tf.zeros([size]) : tf.clone(this.#state.parameters);
    });
  }

  /**
   * One step: forward, loss, backward, update. Batch norms use and track batch statistics.
   * @param images float32 [B, H, W, 3], normalised
   * @param step counted from 0
   * @returns what the objective reports, owned by the caller
   */
  step(images: Tensor4D, extras: readonly Tensor[], rates: StepRates, step: number): Tensor[] {
    const controls = tf.tensor1d([...this.optimizer.controls(rates, step)]);
    const drops = this.depth && tf.tensor1d(this.depth.factors(step, images.shape[0]));
    const before = [this.#state.parameters, this.#state.statistics, ...this.#slots];
    const given = [images, controls, ...(drops ? [drops] : []), ...extras];
    const [parameters, statistics, ...rest] = this.#compiled.run([...before, ...given]);
    tf.dispose([...before, controls, ...(drops ? [drops] : [])]);
    this.#state = { parameters: parameters as Tensor1D, statistics: statistics as Tensor1D };
    this.#slots = rest.slice(0, this.#slots.length) as Tensor1D[];
    return rest.slice(this.#slots.length);
  }

  /** The step as a pure function, in the order that `step` gives its inputs. */
  #step(inputs: readonly Tensor[], objective: ObjectiveOf): Tensor[] {
    const [parameters, statistics, ...others] = inputs as readonly Tensor1D[];
    const slots = others.slice(0, this.optimizer.slots.length);
    const [images, controls, ...rest] = others.slice(slots.length) as unknown as [Tensor4D, Tensor1D, ...Tensor[]];
    const [drops, extras] = this.depth ? [rest[0] as Tensor1D, rest.slice(1)] : [undefined, rest];
    const state = { parameters: parameters as Tensor1D, statistics: statistics as Tensor1D };
    let report: readonly Tensor[] = [];
    const loss = (logits: Tensor2D) => {
      const made = objective(logits, extras);
      report = made.report.map((tensor) => tf.keep(tensor));
      return made.loss;
    };
    const made = this.network.differentiate(state, images, loss, drops && dropPathsFrom(drops));
    const numbers = tf.unstack(controls) as Scalar[];
    const updated = this.optimizer.update(state.parameters, made.gradients, slots, numbers);
    return [updated.parameters, made.statistics, ...updated.slots, ...report];
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
    return this.network.trainable.unflatten(this.#slot(name).dataSync() as Float32Array);
  }

  #slot(name: string): Tensor1D {
    return this.#slots[this.optimizer.slots.findIndex((slot) => slot.name === name)] as Tensor1D;
  }

  dispose(): void {
    tf.dispose([this.#state.parameters, this.#state.statistics, ...this.#slots]);
    this.#compiled.dispose();
  }
}

/** The factors row by row, in the order in which the branches come. */
function dropPathsFrom(factors: Tensor1D): DropPath {
  let branch = 0;
  return (batch) => tf.slice(factors, [branch++ * batch], [batch]);
}
