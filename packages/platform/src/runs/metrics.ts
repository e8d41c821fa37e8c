import type { Metrics } from '@mcld/contracts/mcld/v1/evaluator.js';
import { z } from 'zod';
import { jsonNumber, jsonNumberSchema } from '../json.js';

/**
 * The result of an evaluation, as records, events and reports have it. Shares in 0…1; entropies in nats, which like the
 * calibration error are NaN where logits are.
 */
export const metricsSchema = z.object({
  count: z.int().min(0),
  /** Images whose logits are not finite; shares count them as guessed wrong. Absent in documents of earlier builds. */
  nonFinite: z.int().min(0).default(0),
  top1: z.number(),
  top5: z.number(),
  crossEntropy: jsonNumberSchema,
  ece: jsonNumberSchema,
  /** The comparison with the teacher; absent without one. */
  agreement: z.number().exactOptional(),
  teacherKl: jsonNumberSchema.exactOptional(),
  /** The teacher's own top-1 on the same images. */
  teacherTop1: z.number().exactOptional(),
});

/** The result of a run's checkpoint on the test split. */
export const evaluationPointSchema = z.object({ step: z.int(), epoch: z.number(), ...metricsSchema.shape });

export type EvaluationPoint = Readonly<z.output<typeof evaluationPointSchema>>;

export type MetricsRecord = Readonly<z.output<typeof metricsSchema>>;

/** Whether an evaluation is of a diverged student: it is not a result, and never the best of several. */
export const isDiverged = ({ nonFinite }: Pick<MetricsRecord, 'nonFinite'>): boolean => nonFinite > 0;

/** Metrics as they are kept. */
export function recordOf({ agreement, teacherKl, teacherTop1, crossEntropy, ece, ...metrics }: Metrics): MetricsRecord {
  return {
    ...metrics,
    crossEntropy: jsonNumber(crossEntropy),
    ece: jsonNumber(ece),
    ...(agreement !== undefined && { agreement }),
    ...(teacherKl !== undefined && { teacherKl: jsonNumber(teacherKl) }),
    ...(teacherTop1 !== undefined && { teacherTop1 }),
  };
}

/** Metrics as clients get them. */
export function wireMetrics({
  agreement,
  teacherKl,
  teacherTop1,
  crossEntropy,
  ece,
  ...metrics
}: MetricsRecord): Metrics {
  return {
    ...metrics,
    crossEntropy: Number(crossEntropy),
    ece: Number(ece),
    agreement,
    teacherKl: teacherKl === undefined ? undefined : Number(teacherKl),
    teacherTop1,
  };
}
