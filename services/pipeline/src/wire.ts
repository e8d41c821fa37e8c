import { type Run, type RunProgress, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { wireMetrics } from '@mcld/platform/runs/metrics.js';
import type { RunRecord, RunState as State } from '@mcld/platform/runs/run-record.js';
import { wireWait } from '@mcld/platform/waits/wait-wire.js';
import type { Recipe } from '@mcld/recipe/schema.js';

const states: Readonly<Record<State, RunState>> = {
  queued: RunState.QUEUED,
  training: RunState.TRAINING,
  evaluating: RunState.EVALUATING,
  succeeded: RunState.SUCCEEDED,
  failed: RunState.FAILED,
  cancelled: RunState.CANCELLED,
  interrupted: RunState.INTERRUPTED,
};

/** A record as clients see it. */
export function toWire(record: RunRecord<Recipe>): Run {
  return {
    id: record.id,
    name: record.name,
    state: states[record.state],
    recipe: { ...record.recipe },
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
    step: record.step,
    totalSteps: record.totalSteps,
    attempt: record.attempt,
    error: record.error,
    metrics: record.metrics && wireMetrics(record.metrics),
    teacherDigest: record.teacherDigest,
    // traceparent: version-traceid-spanid-flags
    traceId: record.trace.traceparent?.split('-')[1] ?? '',
    waiting: (record.waiting ?? []).map(({ stage, ...wait }) => wireWait(wait, stage)),
    progress: record.progress && wireProgress(record.progress),
  };
}

const wireProgress = ({ time, imagesPerSecond, waits }: NonNullable<RunRecord['progress']>): RunProgress => ({
  time: new Date(time),
  imagesPerSecond: Number(imagesPerSecond),
  batchWaitShare: Number(waits.batch),
  teacherWaitShare: Number(waits.teacher),
  computeWaitShare: Number(waits.compute),
});
