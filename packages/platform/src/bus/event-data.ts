import { z } from 'zod';
import { jsonNumberSchema } from '../json.js';
import { epochSummarySchema } from '../runs/history.js';
import { metricsSchema } from '../runs/metrics.js';
import { passedOverSchema } from '../runs/passed-over.js';
import { transferSchema } from '../runs/transfer.js';
import { waitSchema, waitStageSchema } from '../waits/wait.js';

/** Steps done, of the run's whole number. */
const position = { step: z.int().min(0), totalSteps: z.int().min(0) };

/** The attempt that an event belongs to. The end of an older attempt says nothing about the current one. */
const attempt = z.int().min(0);

/** Why an attempt broke off when something was out of reach, and what follows. */
const retrySchema = z.object({
  reason: z.string(),
  /** The attempt that follows, and the most there may be. */
  next: z.int(),
  most: z.int(),
  pauseMs: z.number(),
});

export type RetryData = Readonly<z.output<typeof retrySchema>>;

/** Whose wait it is. */
const waitOf = {
  /** Steps done. */
  step: position.step,
  /** Of training; an evaluation belongs to none. */
  attempt: attempt.exactOptional(),
};

/** What an event of each kind carries, as a run's followers see it. */
const eventData = {
  /** By the pipeline, once. */
  created: z.object({ name: z.string(), recipe: z.record(z.string(), z.unknown()) }),
  /** By the trainer: an attempt begins, or goes on, after `step` steps. */
  started: z.object({
    attempt,
    ...position,
    /** Of the training split; absent in events of earlier builds. */
    passedOver: passedOverSchema.exactOptional(),
  }),
  /** By the trainer, once a second. */
  progress: z.object({
    runId: z.string(),
    cursor: z.object({ epoch: z.int(), step: z.int() }),
    ...position,
    /** 0 while it is not known. */
    imagesPerSecond: jsonNumberSchema,
    learningRate: z.number(),
    /** Running means by term, and the weighted `total`. */
    losses: z.record(z.string(), jsonNumberSchema),
    /** Shares of a step's time that the loop waits: for batches, for logits, for the compute thread. */
    batchWaitShare: jsonNumberSchema,
    teacherWaitShare: jsonNumberSchema,
    /** 0 in events of earlier builds. */
    computeWaitShare: jsonNumberSchema.default(0),
  }),
  /** By the trainer, once the checkpoint exists. */
  checkpoint: z.object({
    ...position,
    /** Fractional where an attempt was stopped in the middle of one. */
    epoch: z.number(),
    /** The last epoch that has ended; null before that. */
    epochSummary: epochSummarySchema.nullable(),
  }),
  /** By trainer and evaluator: a stage has waited for longer than usual; again each time that the wait has doubled. */
  waiting: waitSchema.extend({ stage: waitStageSchema, ...waitOf }),
  /** By the same: what it waited for has come, or cannot come any more. */
  continued: z.object({
    stage: waitStageSchema,
    service: z.string(),
    what: z.string(),
    waitedMs: z.number(),
    ...waitOf,
  }),
  /** By the trainer: all steps are done. */
  trained: z.object({ step: position.step, attempt }),
  /** By the evaluator: a checkpoint's test metrics. */
  evaluated: z.discriminatedUnion('final', [
    z.object({ step: position.step, metrics: metricsSchema, final: z.literal(false) }),
    z.object({
      step: position.step,
      metrics: metricsSchema,
      transfer: z.array(transferSchema).readonly(),
      final: z.literal(true),
      /** Of the test split; absent in events of earlier builds. */
      passedOver: passedOverSchema.exactOptional(),
      /** Of a student that diverged. */
      error: z.string().exactOptional(),
    }),
  ]),
  /** By the pipeline: the run's record says so. */
  succeeded: z.object({ step: position.step, metrics: metricsSchema.nullable() }),
  failed: z.object({
    error: z.string(),
    /** By trainer and evaluator: of the attempt that failed. The pipeline tells of a record that has failed already. */
    attempt: attempt.exactOptional(),
    /** By the trainer. */
    diverged: z.boolean().exactOptional(),
    /** By the pipeline. */
    metrics: metricsSchema.nullable().exactOptional(),
  }),
  /** By the pipeline: a client asked for it. */
  cancelled: z.object({}),
  /** By the trainer: the attempt ends, and another follows. */
  interrupted: z.object({
    attempt,
    /** Absent where the trainer was stopped. */
    retry: retrySchema.exactOptional(),
  }),
} as const;

/** What can happen to a run. */
export type EventKind = keyof typeof eventData;

/** What an event carries, by its kind. */
export type EventData = { readonly [K in EventKind]: Readonly<z.output<(typeof eventData)[K]>> };

/** What happened, without how it reaches its listeners. */
export interface EventBodyOf<K extends EventKind> {
  readonly kind: K;
  readonly data: EventData[K];
}

/** `kind` tells the type of `data`. */
export type EventBody = { [K in EventKind]: EventBodyOf<K> }[EventKind];

const bodyOf = <K extends EventKind>(kind: K) => z.object({ kind: z.literal(kind), data: eventData[kind] });

/** An event's body out of another process or build; fields that are not known here are left out. */
export const eventBodySchema = z.discriminatedUnion('kind', [
  bodyOf('created'),
  bodyOf('started'),
  bodyOf('progress'),
  bodyOf('checkpoint'),
  bodyOf('waiting'),
  bodyOf('continued'),
  bodyOf('trained'),
  bodyOf('evaluated'),
  bodyOf('succeeded'),
  bodyOf('failed'),
  bodyOf('cancelled'),
  bodyOf('interrupted'),
]);
