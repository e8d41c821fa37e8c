import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Distiller, type DistillerDefinition, defineDistiller, type Terms } from './distiller.js';
import { distillerFacts } from './facts.js';

interface Part {
  readonly name: string;
  readonly weight: number;
  readonly partWarmupEpochs: number;
  readonly distil: Distiller;
}

/**
 * Several losses added up. Cross-entropy counts once, at the combination's own weight: the parts' own
 * is left out. Terms are called `part.term`.
 * @param known the losses that can be parts
 */
export function combinationOf(known: Readonly<Record<string, DistillerDefinition>>): DistillerDefinition {
  return defineDistiller({
    ...distillerFacts.combination,
    create: ({ ceWeight, parts }) => {
      const weightedParts = parts.map(({ name, weight, partWarmupEpochs, ...options }): Part => {
        const method = known[name];
        if (!method) throw new Error(`the combination's part '${name}' is none of ${Object.keys(known).join(', ')}`);
        return { name, weight, partWarmupEpochs, distil: method.withOptions(options) };
      });
      return (input) => ({
        ce: { value: input.crossEntropy(), weight: ceWeight },
        ...Object.fromEntries(weightedParts.flatMap((part) => weighed(part, part.distil(input), input.epoch))),
      });
    },
  });
}

function weighed({ name, weight, partWarmupEpochs }: Part, terms: Terms, epoch: Scalar): [string, Terms[string]][] {
  const g = partWarmupEpochs > 0 ? tf.minimum<Scalar>(tf.div(epoch, partWarmupEpochs), 1) : 1;
  return Object.entries(terms)
    .filter(([term]) => term !== 'ce')
    .map(([term, { value, weight: own }]) => [
      `${name}.${term}`,
      { value, weight: tf.mul<Scalar>(tf.mul(g, weight), own) },
    ]);
}
