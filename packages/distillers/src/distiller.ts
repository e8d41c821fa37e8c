import { McldError } from '@mcld/errors/mcld-error.js';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { z } from 'zod';
import type { DistillerFacts } from './facts.js';

/** What a distiller sees of one batch. */
export interface DistillerInput {
  /** Student logits, float32 [B, C]. */
  readonly zs: Tensor2D;
  /** Teacher logits, float32 [B, C]; no gradient flows into them. */
  readonly zt: Tensor2D;
  /** Targets, int32 [B], each in 0…C−1. */
  readonly y: Tensor1D;
  /** Fractional epochs since the run began, a float32 scalar. */
  readonly epoch: Scalar;
  /** Steps since the run began, a float32 scalar. */
  readonly step: Scalar;
  /** Cross-entropy of `zs` with `y`, labels smoothed as the recipe says. */
  readonly crossEntropy: () => Scalar;
}

/** A part of a loss: a scalar to minimise, and what it weighs in the sum at this step (a float32 scalar). */
export interface Term {
  readonly value: Scalar;
  readonly weight: number | Scalar;
}

/** Named terms; the loss is Σ weight · value. Term names appear in logs, traces and reports. */
export type Terms = Readonly<Record<string, Term>>;

/** Under which the sum is reported beside the terms. */
export const TOTAL = 'total';

/** Thrown for terms that make no loss. */
export class TermsError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_TERMS' } as const;
}

/** Σ weight · value. @throws TermsError where there is no term, one is not a scalar, or one has the sum's name */
export function totalOf(terms: Terms): Scalar {
  const names = Object.keys(terms);
  if (names.length === 0) throw new TermsError('the distiller gives no loss term');
  if (names.includes(TOTAL)) throw new TermsError(`a loss term is called '${TOTAL}', as their sum is`);
  for (const [name, term] of Object.entries(terms)) {
    for (const [what, part] of Object.entries({ value: term.value, weight: term.weight })) {
      if (typeof part === 'number' && what === 'weight') continue;
      const shape = part instanceof tf.Tensor ? part.shape : undefined;
      if (shape?.length === 0) continue;
      const actual = shape ? `a tensor of shape [${shape.join(', ')}]` : typeof part;
      throw new TermsError(`the ${what} of the loss term '${name}' is ${actual}; expected a scalar, as of tf.mean`);
    }
  }
  return Object.values(terms)
    .map(({ value, weight }) => tf.mul<Scalar>(value, weight))
    .reduce((a, b) => tf.add(a, b));
}

/**
 * A loss for a student. It is pure and recorded once: it must not read tensors' values, and what
 * changes from step to step comes with its input.
 */
export type Distiller = (input: DistillerInput) => Terms;

/** A loss as it is written: its facts, and what computes it of options that have been checked. */
interface DistillerParts<S extends z.ZodType> extends DistillerFacts<S> {
  create(options: z.output<S>): Distiller;
}

/** A loss as it is used, whatever its options. */
export interface DistillerDefinition extends DistillerFacts {
  /** Checks options, fills in what is absent, and makes the loss. @throws z.ZodError */
  withOptions(options: unknown): Distiller;
}

/** Ties the options' type to `create`, and hides it from those who use the loss. */
export function defineDistiller<S extends z.ZodType>({ create, ...facts }: DistillerParts<S>): DistillerDefinition {
  return { ...facts, withOptions: (options) => create(facts.options.parse(options)) };
}
