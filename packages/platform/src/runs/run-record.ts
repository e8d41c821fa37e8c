import { McldError } from '@mcld/errors/mcld-error.js';
import { z } from 'zod';
import { checkDocument, DocumentError } from '../documents.js';
import { runIdSchema } from '../ids.js';
import { jsonNumberSchema } from '../json.js';
import { waitSchema, waitStageSchema } from '../waits/wait.js';
import { metricsSchema } from './metrics.js';

const runStates = ['queued', 'training', 'evaluating', 'succeeded', 'failed', 'cancelled', 'interrupted'] as const;

export type RunState = (typeof runStates)[number];

const fields = {
  id: runIdSchema,
  name: z.string(),
  requestId: z.string(),
  state: z.enum(runStates),
  recipe: z.unknown(),
  /** ISO 8601, like `updatedAt`. */
  createdAt: z.string(),
  updatedAt: z.string(),
  step: z.int().min(0),
  totalSteps: z.int().min(0),
  attempt: z.int().min(0),
  /** How often it was queued; makes each queueing's message its own. */
  submissions: z.int().min(0),
  error: z.string(),
  teacherDigest: z.string(),
  /** Trace context that all work on the run belongs to. */
  trace: z.record(z.string(), z.string()),
  metrics: metricsSchema.exactOptional(),
  /** What its stages wait for: one entry a stage at most, none for a stage that goes on. */
  waiting: z
    .array(waitSchema.extend({ stage: waitStageSchema }))
    .readonly()
    .exactOptional(),
  /** The newest progress reported. */
  progress: z
    .object({
      /** ISO 8601. */
      time: z.string(),
      imagesPerSecond: jsonNumberSchema,
      /** Shares of a step's time. */
      waits: z.object({ batch: jsonNumberSchema, teacher: jsonNumberSchema, compute: jsonNumberSchema }),
    })
    .exactOptional(),
};

// Fields that another build added stay when the record is changed here.
const recordSchema = z.looseObject(fields);

type RecordFields = Readonly<z.output<z.ZodObject<typeof fields>>>;

/** A run as the control plane keeps it. `R` is what `ParseRecipe` makes of its recipe: this package need not know. */
export interface RunRecord<R = unknown> extends Omit<RecordFields, 'recipe'> {
  /** With every default filled in. */
  readonly recipe: R;
}

/** Reads the recipe of a record. It throws for one that this build does not take any more. */
export type ParseRecipe<R> = (value: unknown) => R;

/**
 * A record as it was kept, checked, its recipe read.
 * @param name of its file or key, for people
 * @throws DocumentError
 */
export function readRunRecord<R>(name: string, value: unknown, parseRecipe: ParseRecipe<R>): RunRecord<R> {
  const record = checkDocument(name, value, recordSchema);
  try {
    return { ...record, recipe: parseRecipe(record.recipe) };
  } catch (error) {
    const { message, fields: wrong } = McldError.from(error);
    const inRecipe = wrong.map((one) => ({ field: `recipe.${one.field}`, message: one.message }));
    throw DocumentError.ofFields(name, inRecipe.length > 0 ? inRecipe : [{ field: 'recipe', message }], error);
  }
}

/** Of a run on which nobody works any more, or anew. */
export const NO_WAITS = { waiting: [] } as const;

export const hasEnded = (state: RunState): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';
