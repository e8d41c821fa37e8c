import type { Metrics } from '@mcld/contracts/mcld/v1/evaluator.js';
import { type JsonNumber, jsonNumber } from '../json.js';

/**
 * What an evaluation came to, as records, events and reports have it. Shares in 0…1; entropies in nats, and like the
 * calibration error no number where logits are none.
 */
export interface MetricsRecord {
  readonly count: number;
  /** Images whose logits are no finite numbers; shares count them as guessed wrong. */
  readonly nonFinite: number;
  readonly top1: number;
  readonly top5: number;
  readonly crossEntropy: JsonNumber;
  readonly ece: JsonNumber;
  readonly agreement?: number;
  readonly teacherKl?: JsonNumber;
  /** The teacher's own top-1 on the same images. */
  readonly teacherTop1?: number;
}

/** Whether an evaluation is of a diverged student: it is no result, and never the best of several. */
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
