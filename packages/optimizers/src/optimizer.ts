import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { OptimizerFacts } from './facts.js';
import type { WeightDecay } from './weight-decay.js';

/** What a schedule gives for one step. */
export interface StepRates {
  /** Per step, not scaled by the batch. */
  readonly lr: number;
  /** Absent where the schedule leaves it to the optimiser, which may have none. */
  readonly momentum?: number;
}

/** What an update starts from. All vectors are float32 [P]. */
export interface UpdateInput<S extends string, C extends string> {
  readonly parameters: Tensor1D;
  readonly gradients: Tensor1D;
  readonly slots: Readonly<Record<S, Tensor1D>>;
  /** The numbers of this step, float32 scalars. */
  readonly controls: Readonly<Record<C, Scalar>>;
}

/** What an update makes: new vectors in the place of the old. */
export type Updated<S extends string = string> = {
  readonly parameters: Tensor1D;
  readonly slots: Readonly<Record<S, Tensor1D>>;
};

/**
 * An update rule, pure: its state is in its slots, vectors beside the parameters that are carried from step to step,
 * checkpointed under their names, and restored. `update` is recorded once (see `CompiledFunction`): what changes from
 * step to step is a control.
 */
export interface Optimizer<S extends string = string, C extends string = string> {
  /** What each slot begins as. */
  readonly slots: Readonly<Record<S, 'zeros' | 'parameters'>>;
  /** The numbers that `update` takes at a step, counted from 0. */
  controls(rates: StepRates, step: number): Readonly<Record<C, number>>;
  update(input: UpdateInput<S, C>): Updated<S>;
}

/** The controls of a step as tensors, the caller's. */
export function controlsAt(optimizer: Optimizer, rates: StepRates, step: number): Readonly<Record<string, Scalar>> {
  const numbers = Object.entries(optimizer.controls(rates, step));
  return Object.fromEntries(numbers.map(([name, value]) => [name, tf.scalar(value)]));
}

/** An optimiser as it is written: its facts, and what computes it of options that have been checked. */
interface OptimizerParts<S extends z.ZodType> extends OptimizerFacts<S> {
  create(options: z.output<S>, weightDecay: WeightDecay): Optimizer;
}

/** An optimiser as it is used, whatever its options. */
export interface OptimizerDefinition extends OptimizerFacts {
  /** Checks options, fills in what is absent, and makes the optimiser. @throws z.ZodError */
  withOptions(options: unknown, weightDecay: WeightDecay): Optimizer;
}

/** Ties the options' type to `create`, and hides it from those who use the optimiser. */
export function defineOptimizer<S extends z.ZodType>({ create, ...facts }: OptimizerParts<S>): OptimizerDefinition {
  return { ...facts, withOptions: (options, weightDecay) => create(facts.options.parse(options), weightDecay) };
}
