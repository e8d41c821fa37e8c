import { datasetNames } from '@mcld/datasets/catalog.js';
import { type DistillerName, distillerDefinition, distillerNames } from '@mcld/distillers/registry.js';
import { modelNames } from '@mcld/models/registry.js';
import { z } from 'zod';

/** Everything a run is made of. The types, defaults, messages, JSON Schema and docs all come from here. */

const slug = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, . _ - (63 at most)');
const uint32 = z.int().min(0).max(0xffff_ffff);
const root = z.string().min(1);
const share = z.number().gt(0).lt(1);

const dataset = z.strictObject({
  name: z.enum(datasetNames),
  root: root.describe("folder in the official layout; a relative one counts from the loader's data folder"),
});

const distillerVariants = distillerNames.map((name) => {
  const options = distillerDefinition(name).options as z.ZodObject;
  return options.extend({ name: z.literal(name) });
});

/** Options are checked by the distiller's own schema; see packages/distillers. */
export type DistillerSpec = { readonly name: DistillerName } & Readonly<Record<string, unknown>>;

const distiller = z
  .discriminatedUnion('name', distillerVariants as unknown as [z.ZodObject, ...z.ZodObject[]])
  .transform((spec) => spec as unknown as DistillerSpec);

const teacher = z.union([
  z.strictObject({ run: z.string().min(1).describe('a finished run: its newest checkpoint teaches') }),
  z.strictObject({
    file: z.string().min(1).describe('safetensors with PyTorch names, read by the client'),
    model: z.enum(modelNames),
  }),
  z.strictObject({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('of an imported teacher'),
  }),
]);

const optimizer = z.strictObject({
  name: z.literal('sgd').default('sgd'),
  lr: z.number().positive().default(0.05).describe('per step, not scaled by the batch; the peak of one-cycle'),
  momentum: z.number().min(0).lt(1).default(0.9),
  weightDecay: z.number().min(0).default(5e-4).describe('on every parameter'),
  nesterov: z.boolean().default(false),
});

const schedule = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('multi-step'),
    milestones: z.array(z.int().positive()).default([150, 180, 210]).describe('epochs, counted from 0'),
    gamma: z.number().positive().default(0.1),
  }),
  z.strictObject({
    name: z.literal('one-cycle'),
    riseShare: share.default(0.3),
    divFactor: z.number().positive().default(25),
    finalDivFactor: z.number().positive().default(1e4),
    cycleMomentum: z.boolean().default(true),
    baseMomentum: share.default(0.85),
    maxMomentum: share.default(0.95),
  }),
]);

export const recipeSchema = z
  .strictObject({
    name: slug.describe('names the run'),
    dataset,
    model: z.enum(modelNames).describe('the student; or the teacher-to-be'),
    teacher: teacher.optional(),
    distiller: distiller.default({ name: 'ce' }),
    optimizer: optimizer.prefault({}),
    schedule: schedule.prefault({ name: 'multi-step' }),
    augmentation: z
      .strictObject({
        cropPadding: z.int().min(0).max(16).default(4).describe('zeros on each side, pixels'),
        horizontalFlip: z.boolean().default(true),
      })
      .prefault({}),
    epochs: z.int().min(1).max(10_000).default(240),
    batchSize: z.int().min(1).max(4096).default(64),
    seed: uint32.default(0).describe('of the initial weights, and of the data where dataSeed is absent'),
    dataSeed: uint32.optional().describe('of permutations and views: equal for runs that share a teacher'),
    checkpoint: z
      .strictObject({
        everyEpochs: z.int().min(1).default(1),
        keepLast: z.int().min(1).max(100).default(2).describe('the best one is kept besides'),
      })
      .prefault({}),
    evaluation: z
      .strictObject({
        everyEpochs: z.int().min(0).default(1).describe('0: only at the end'),
        transfer: z.array(dataset).max(8).default([]).describe('data sets for linear probes at the end'),
      })
      .prefault({}),
  })
  .superRefine((recipe, context) => {
    const issue = (path: string[], message: string, input: unknown) =>
      context.addIssue({ code: 'custom', path, message, input });
    const { distiller: loss, epochs } = recipe;
    if (distillerDefinition(loss.name).needsTeacher && !recipe.teacher) {
      issue(['teacher'], `is missing: the distiller ${loss.name} needs one`, undefined);
    }
    if (loss.warmup === 'linear' && (loss.warmupEpochs as number) > epochs) {
      issue(
        ['distiller', 'warmupEpochs'],
        `must not be longer than the run's ${epochs} epochs; or set warmup: none`,
        loss.warmupEpochs,
      );
    }
  });

/** A recipe with every default filled in. */
export type Recipe = z.output<typeof recipeSchema>;

export const dataSeedOf = (recipe: Recipe): number => recipe.dataSeed ?? recipe.seed;
