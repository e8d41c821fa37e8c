import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { type Distiller, type DistillerDefinition, defineDistiller, type Terms } from './distiller.js';

/** What each part of a combination has besides its own options. */
const partOptions = {
  weight: z.number().min(0).default(1).describe('of all the part’s terms'),
  partWarmupEpochs: z.number().min(0).default(0).describe('epochs over which that weight rises from 0; 0: none'),
};

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
  const variants = Object.entries(known).map(([name, { options }]) =>
    (options as z.ZodObject).extend({ name: z.literal(name), ...partOptions }),
  );
  return defineDistiller({
    summary: 'several of the losses added up, each with a weight and a warm-up',
    source: '',
    needsTeacher: true,
    options: z.strictObject({
      ceWeight: z.number().min(0).default(1),
      parts: z
        .array(z.discriminatedUnion('name', variants as unknown as [z.ZodObject, ...z.ZodObject[]]))
        .min(1)
        .max(8)
        .refine((parts) => new Set(parts.map(({ name }) => name)).size === parts.length, 'each loss once')
        .describe('losses with their options, a weight and a partWarmupEpochs'),
    }),
    create: ({ ceWeight, parts }) => {
      const made = parts.map((spec): Part => {
        const { name, weight, partWarmupEpochs, ...options } = spec as Record<string, unknown> & Omit<Part, 'distil'>;
        return { name, weight, partWarmupEpochs, distil: (known[name] as DistillerDefinition).create(options) };
      });
      return (input) => ({
        ce: { value: input.crossEntropy(), weight: ceWeight },
        ...Object.fromEntries(made.flatMap((part) => weighed(part, part.distil(input), input.epoch))),
      });
    },
  });
}

function weighed({ name, weight, partWarmupEpochs }: Part, terms: Terms, epoch: Scalar): [string, Terms[string]][] {
  const g = partWarmupEpochs > 0 ? tf.minimum(tf.div(epoch, partWarmupEpochs), 1) : 1;
  return Object.entries(terms)
    .filter(([term]) => term !== 'ce')
    .map(([term, { value, weight: own }]) => [
      `${name}.${term}`,
      { value, weight: tf.mul(tf.mul(g, weight), own) as Scalar },
    ]);
}
