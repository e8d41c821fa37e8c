import { z } from 'zod';

/*
 * What is known of each loss without computing it: this is all that recipes, the control plane and the listings need,
 * so nothing is loaded here but zod. How a loss computes stands in its own file.
 */

/** What losses can read of a teacher, by the names of its outputs. */
export type TeacherOutput = 'logits';

export interface DistillerFacts<S extends z.ZodType = z.ZodType> {
  /** What it is, in a line for people. */
  readonly summary: string;
  /** The paper; empty where there is none. */
  readonly source: string;
  readonly needsTeacher: boolean;
  /** What recipes may set, and the defaults. */
  readonly options: S;
}

/** What a loss reads of a teacher; nothing where it needs none. */
export const outputsRead = ({ needsTeacher }: Pick<DistillerFacts, 'needsTeacher'>): readonly TeacherOutput[] =>
  needsTeacher ? ['logits'] : [];

/** A loss that a recipe can name: its options get a name beside them there. */
type NamedFacts = DistillerFacts<z.ZodObject>;

const weight = z.number().min(0).default(1);
const temperature = z.number().positive().default(4);
const tau = z.number().positive().default(0.1);

const logitStandardization = z
  .boolean()
  .default(false)
  .describe('z-score both logits along classes first (arXiv 2403.01427)');

/** Of a distillation weight that rises linearly over the first epochs. */
const warmupOptions = {
  warmup: z.enum(['linear', 'none']).default('linear').describe('of the distillation weight'),
  warmupEpochs: z.number().positive().default(20),
};

/** What can also be a part of a combination. Adding one: an entry here, its file, and its name in registry.ts. */
const methods = {
  kd: {
    summary: "Hinton's knowledge distillation: softened teacher probabilities",
    source: 'arXiv 1503.02531',
    needsTeacher: true,
    options: z.strictObject({
      temperature: temperature.describe('T, softens both distributions'),
      ceWeight: z.number().min(0).default(0.1),
      kdWeight: z.number().min(0).default(0.9),
      logitStandardization,
    }),
  },
  dkd: {
    summary: 'decoupled distillation: the target class and the others weighed apart',
    source: 'arXiv 2203.08679',
    needsTeacher: true,
    options: z.strictObject({
      temperature,
      ceWeight: weight,
      alpha: weight.describe('weight of the target class term'),
      beta: z.number().min(0).default(8).describe('weight of the other classes; the paper sets it by pair'),
      ...warmupOptions,
      logitStandardization,
    }),
  },
  rld: {
    summary: 'refined logit distillation: the labels correct the teacher',
    source: 'arXiv 2408.07703',
    needsTeacher: true,
    options: z.strictObject({
      temperature: temperature.describe('of the masked correlation'),
      confidenceTemperature: z.number().positive().default(1).describe('of the sample confidence'),
      ceWeight: weight,
      alpha: weight.describe('weight of the sample confidence'),
      beta: z.number().min(0).default(8).describe('weight of the masked correlation; the paper sets it by pair'),
      ...warmupOptions,
      logitStandardization,
    }),
  },
  clkd: {
    summary: "class-aware logit distillation (this project's reading)",
    source: 'arXiv 2211.14773',
    needsTeacher: true,
    options: z.strictObject({
      ceWeight: weight,
      instanceWeight: weight.describe('of the rows, scaled to length 1'),
      classWeight: weight.describe('of the columns, scaled to length 1'),
      correlationWeight: weight.describe('of the correlations between classes'),
    }),
  },
  mlld: {
    summary: 'multi-level logit distillation: instances, batch and classes at several temperatures',
    source: 'CVPR 2023, Jin et al., "Multi-level logit distillation"',
    needsTeacher: true,
    options: z.strictObject({
      temperatures: z.array(z.number().positive()).min(1).max(16).default([2, 3, 4, 5, 6]),
      ceWeight: weight,
      instanceWeight: weight,
      batchWeight: weight,
      classWeight: weight,
      logitStandardization,
    }),
  },
  ckd: {
    summary: 'sample-wise contrastive distillation on distances between logits',
    source: 'arXiv 2404.14109',
    needsTeacher: true,
    options: z.strictObject({
      tau: z.number().positive().default(1).describe('τ, divides the distances'),
      ceWeight: weight,
      contrastWeight: weight,
    }),
  },
  mcld: {
    summary: "multi-perspective contrastive logit distillation (this project's reading)",
    source: 'arXiv 2411.10693',
    needsTeacher: true,
    options: z.strictObject({
      similarity: z.enum(['cosine', 'dot']).default('cosine'),
      targetMask: z.boolean().default(true).describe('do not push samples of one class apart (instance level)'),
      tauInstance: tau,
      tauSample: tau,
      tauCategory: tau,
      ceWeight: weight,
      instanceWeight: weight,
      sampleWeight: weight,
      categoryWeight: weight,
      warmup: z.enum(['linear', 'none']).default('linear').describe('of the category weight'),
      warmupEpochs: z.number().positive().default(20),
    }),
  },
} as const satisfies Record<string, NamedFacts>;

export type MethodName = keyof typeof methods;

const partOptions = {
  weight: weight.describe('of all the part’s terms'),
  partWarmupEpochs: z.number().min(0).default(0).describe('epochs over which that weight rises from 0; 0: none'),
};

/** A part of a combination: a loss's own options, of which the type knows nothing, and what it weighs there. */
const partOf = (
  name: string,
  { options }: NamedFacts,
): z.ZodObject<{ name: z.ZodLiteral<string> } & typeof partOptions, z.core.$loose> =>
  options.extend({ name: z.literal(name), ...partOptions });

const { kd, ...others } = methods;
const parts = [partOf('kd', kd), ...Object.entries<NamedFacts>(others).map((entry) => partOf(...entry))] as const;

/** Every loss by its name in recipes. */
export const distillerFacts = {
  ce: {
    summary: 'cross-entropy; a student alone, or a teacher in training',
    source: '',
    needsTeacher: false,
    options: z.strictObject({}),
  },
  ...methods,
  combination: {
    summary: 'several of the losses added up, each with a weight and a warm-up',
    source: '',
    needsTeacher: true,
    options: z.strictObject({
      ceWeight: weight,
      parts: z
        .array(z.discriminatedUnion('name', parts))
        .min(1)
        .max(8)
        .refine((chosen) => new Set(chosen.map(({ name }) => name)).size === chosen.length, 'each loss once')
        .describe('losses with their options, a weight and a partWarmupEpochs'),
    }),
  },
} as const satisfies Record<string, NamedFacts>;

export type DistillerName = keyof typeof distillerFacts;

const isDistillerName = (name: string): name is DistillerName => Object.hasOwn(distillerFacts, name);

export const distillerNames = Object.keys(distillerFacts).filter(isDistillerName);
