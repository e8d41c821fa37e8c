import { kindOf, type RunEvent } from '@mcld/platform/bus/events.js';
import { isDiverged, type MetricsRecord } from '@mcld/platform/runs/metrics.js';
import { hasEnded, type RunRecord } from '@mcld/platform/runs/run-record.js';

/**
 * What an event makes of a run's record: a pure function, safe to apply twice. The states of a run in
 * training (claimed, released) are set by its trainer, since they fence its attempts.
 * @returns undefined when the event changes nothing
 */
export function applyEvent(record: RunRecord, event: RunEvent): RunRecord | undefined {
  const { data } = event;
  const step = Number(data.step ?? record.step);
  // An older attempt's ending says nothing about this one.
  const isCurrent = data.attempt === record.attempt;
  switch (kindOf(event)) {
    case 'started':
    case 'progress':
    case 'checkpoint':
      if (hasEnded(record.state) || step < record.step) return undefined;
      return { ...record, step, totalSteps: Number(data.totalSteps ?? record.totalSteps) };
    case 'trained':
      return record.state === 'training' && isCurrent ? { ...record, state: 'evaluating', step } : undefined;
    case 'evaluated': {
      const metrics = data.metrics as MetricsRecord;
      if (data.final !== true) return hasEnded(record.state) ? undefined : { ...record, metrics };
      if (record.state !== 'evaluating') return undefined;
      if (!isDiverged(metrics)) return { ...record, state: 'succeeded', metrics };
      return { ...record, state: 'failed', metrics, error: String(data.error ?? 'the student diverged') };
    }
    case 'failed': {
      const working = record.state === 'training' || record.state === 'evaluating';
      if (!working || !isCurrent) return undefined;
      // What an earlier checkpoint came to is no result of a student that diverged.
      const { metrics: _, ...unmeasured } = record;
      return { ...(data.diverged === true ? unmeasured : record), state: 'failed', error: String(data.error ?? '') };
    }
    default:
      return undefined;
  }
}
