import { datasetNames } from '@mcld/datasets/facts.js';
import { augmentationSchema } from '@mcld/datasets/views/augmentation.js';
import { mixSchema } from '@mcld/datasets/views/mix.js';
import {
  type DistillerName,
  distillerFacts,
  distillerNames,
  outputsRead,
  type TeacherOutput,
} from '@mcld/distillers/facts.js';
import { declareParameters } from '@mcld/models/layers/parameters.js';
import { modelNames } from '@mcld/models/zoo/registry.js';
import {
  DEFAULT_OPTIMIZER,
  type OptimizerName,
  optimizerFacts,
  optimizerNames,
  sharedOptions,
} from '@mcld/optimizers/facts.js';
import { DEFAULT_SCHEDULE, type ScheduleName, scheduleFacts, scheduleNames } from '@mcld/optimizers/schedules/facts.js';
import { z } from 'zod';

/** Everything a run is made of. The types, defaults, messages, JSON Schema and docs all come from here. */

const slug = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, . _ - (63 at most)');
const uint32 = z.int().min(0).max(0xffff_ffff);
const root = z.string().min(1);

const dataset = z.strictObject({
  name: z.enum(datasetNames),
  root: root.describe("folder in the reader's layout; a relative one counts from the loader's data folder"),
  size: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('side of the square that images become; 0: their own, or 224 where they differ'),
  resize: z
    .int()
    .min(0)
    .max(2048)
    .default(0)
    .describe(
      'side that the shorter side gets before the centre is cut out; 0: stretched, or 8/7 of size where they differ',
    ),
  skipDamaged: z
    .boolean()
    .default(false)
    .describe('leave out images that cannot be decoded, and say how many; otherwise the first one fails the run'),
});

/** Of any loss the type has its name and no more: its options are its own facts' affair. */
const distillerVariant = (
  name: DistillerName,
  options: z.ZodObject,
): z.ZodObject<{ name: z.ZodLiteral<DistillerName> }, z.core.$loose> => options.extend({ name: z.literal(name) });

/** A loss of the user's own, which the trainer loads. */
const ownDistiller = z.strictObject({
  name: z.literal('module'),
  path: z.string().min(1).describe("an ES module in the trainer's MCLD_DISTILLER_DIR; see docs/method.md"),
  needsTeacher: z.boolean().default(true),
  options: z.record(z.string(), z.unknown()).default({}).describe('checked by the module'),
});

const distiller = z.discriminatedUnion('name', [
  ownDistiller,
  ...distillerNames.map((name) => distillerVariant(name, distillerFacts[name].options)),
]);

/** A loss and its options, which its own facts have checked. */
export type DistillerSpec = z.output<typeof distiller>;

/** What a loss reads of a teacher. */
export const teacherOutputsOf = (spec: DistillerSpec): readonly TeacherOutput[] =>
  outputsRead(spec.name === 'module' ? spec : distillerFacts[spec.name]);

export const needsTeacher = (spec: DistillerSpec): boolean => teacherOutputsOf(spec).length > 0;

/** A loss whose weight rises over the first epochs. */
const linearRise = z.object({ warmup: z.literal('linear'), warmupEpochs: z.number() });

const accept = z
  .array(z.enum(['probabilities', 'random']))
  .max(2)
  .optional()
  .describe(
    'what is meant although it is refused otherwise: answers in 0..1, as of a softmax; answers that differ each time',
  );

const wantedEndpoint =
  'expected host:port of its gRPC port, as in triton:8001 or [::1]:8001, with no scheme, path or space';

/** Without a port gRPC would try 80 in silence; with a scheme or a path it looks for a host of that name. */
const endpoint = z
  .string()
  .regex(/^(?:(?:dns:(?:\/\/\/)?)?(?:[\w.-]+|\[[\da-fA-F:.]+\]):[1-9]\d{0,4}|unix:\S+)$/, wantedEndpoint)
  .refine((address) => !(Number(/:(\d+)$/.exec(address)?.[1]) > 65_535), wantedEndpoint);

const singleTeacher = z.union([
  z.strictObject({ run: z.string().min(1).describe('a finished run: its newest checkpoint teaches') }),
  z.strictObject({
    file: z.string().min(1).describe('safetensors, a PyTorch checkpoint or an ONNX model, read by the client'),
    model: z.enum(modelNames).optional().describe('whose weights they are; not for ONNX'),
    weights: z
      .enum(['raw', 'ema'])
      .optional()
      .describe('which weights of a checkpoint that also holds averaged ones; absent: raw, or what there is'),
    accept,
  }),
  z.strictObject({
    endpoint: endpoint.describe('host:port of a server that speaks the Open Inference Protocol'),
    name: z.string().min(1).describe('what the model is called there'),
    version: z
      .union([z.string().min(1), z.int().min(0).transform(String)])
      .optional()
      .describe("of the model; absent: the server's newest, which the run then stays with"),
    accept,
  }),
  z.strictObject({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('of an imported teacher'),
    accept,
  }),
]);

export type SingleTeacher = z.output<typeof singleTeacher>;

const teacher = z.union([
  ...singleTeacher.options,
  z.strictObject({
    ensemble: z.array(singleTeacher).min(2).max(8).describe('teachers of the same classes'),
    mean: z.enum(['logits', 'probabilities']).default('logits').describe('what of theirs is averaged'),
  }),
]);

/** What a recipe accepts of its teacher; of an ensemble: what it accepts of any member. */
export function acceptedOf({ teacher }: Recipe): string[] {
  if (!teacher) return [];
  const teachers = 'ensemble' in teacher ? teacher.ensemble : [teacher];
  return [...new Set(teachers.flatMap((one) => ('accept' in one ? (one.accept ?? []) : [])))];
}

/** Of any optimiser the type has its name, its rate and the options that all have. */
type OptimizerVariant<N extends z.ZodType> = z.ZodObject<
  { name: N; lr: z.ZodDefault<z.ZodNumber> } & typeof sharedOptions,
  z.core.$loose
>;

const optimizerVariant = <N extends z.ZodType>(name: OptimizerName, literal: N): OptimizerVariant<N> =>
  z.strictObject({ name: literal, ...optimizerFacts[name].options.shape, ...sharedOptions });

const optimizer = z.union([
  optimizerVariant(DEFAULT_OPTIMIZER, z.literal(DEFAULT_OPTIMIZER).default(DEFAULT_OPTIMIZER)),
  ...optimizerNames.filter((name) => name !== DEFAULT_OPTIMIZER).map((name) => optimizerVariant(name, z.literal(name))),
]);

/** Of any schedule the type has its name and no more. */
type ScheduleVariant = z.ZodObject<{ name: z.ZodLiteral<ScheduleName> }, z.core.$loose>;

function scheduleVariant(name: ScheduleName): ScheduleVariant {
  const options: z.ZodObject = scheduleFacts[name].options;
  return z.strictObject({ name: z.literal(name), ...options.shape });
}

const schedule = z.discriminatedUnion('name', [
  scheduleVariant(DEFAULT_SCHEDULE),
  ...scheduleNames.filter((name) => name !== DEFAULT_SCHEDULE).map(scheduleVariant),
]);

/** A crop of the padded image, unless boxes are drawn from the whole one. */
const augmentation = augmentationSchema
  .extend({
    cropPadding: augmentationSchema.shape.cropPadding
      .optional()
      .describe('zeros on each side before a crop of the same size, pixels (4; 0 with randomResizedCrop)'),
    horizontalFlip: z.boolean().default(true),
  })
  .transform((spec) => ({ ...spec, cropPadding: spec.cropPadding ?? (spec.randomResizedCrop ? 0 : 4) }))
  .refine(({ cropPadding, randomResizedCrop }) => !randomResizedCrop || cropPadding === 0, {
    path: ['cropPadding'],
    message: 'must be 0 with randomResizedCrop',
  });

export const recipeSchema = z
  .strictObject({
    name: slug.describe('names the run'),
    dataset,
    model: z.enum(modelNames).describe('the student; or the teacher-to-be'),
    teacher: teacher.optional(),
    distiller: distiller.default({ name: 'ce' }),
    logitPrecision: z
      .string()
      .regex(/^(fp32|fp16|topk:[1-9]\d{0,4})$/, 'fp32, fp16 or topk:N')
      .default('fp32')
      .describe(
        "how the teacher's logits are stored: fp32 exactly; fp16 and topk:N approximately, and the report says how far off",
      ),
    optimizer: optimizer.prefault({}),
    schedule: schedule.prefault({ name: DEFAULT_SCHEDULE }),
    augmentation: augmentation.prefault({}),
    mix: mixSchema.prefault({}).describe('the teacher sees the mixed pixels, and its logits are not stored'),
    epochs: z.int().min(1).max(10_000).default(240),
    labelSmoothing: z.number().min(0).lt(1).default(0).describe('of the targets in the cross-entropy'),
    stochasticDepth: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('rate at which the last branch of a vision transformer is left out; the first: never'),
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
    if (needsTeacher(loss) && !recipe.teacher) {
      issue(['teacher'], `is missing: the distiller ${loss.name} needs one`, undefined);
    }
    if (recipe.stochasticDepth > 0 && declareParameters(recipe.model, 1).droppable.length === 0) {
      issue(['stochasticDepth'], `must be 0: ${recipe.model} has no branches to leave out`, recipe.stochasticDepth);
    }
    const rise = loss.name === 'module' ? undefined : linearRise.safeParse(loss).data;
    if (rise && rise.warmupEpochs > epochs) {
      issue(
        ['distiller', 'warmupEpochs'],
        `must not be longer than the run's ${epochs} epochs; or set warmup: none`,
        rise.warmupEpochs,
      );
    }
  });

/** A recipe with every default filled in. */
export type Recipe = z.output<typeof recipeSchema>;

export const dataSeedOf = (recipe: Recipe): number => recipe.dataSeed ?? recipe.seed;
