import type { EventData } from '@mcld/platform/bus/event-data.js';
import type { RunEvent } from '@mcld/platform/bus/events.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import { hasEnded, NO_WAITS, type RunRecord } from '@mcld/platform/runs/run-record.js';
import { waiting, withoutWait } from './run-waits.js';

/**
 * What an event makes of a run's record: a pure function, safe to apply twice. The states of a run in
 * training (claimed, released) are set by its trainer, since they fence its attempts.
 * @returns undefined when the event changes nothing
 */
export function applyEvent<R>(record: RunRecord<R>, event: RunEvent): RunRecord<R> | undefined {
  switch (event.kind) {
    case 'started':
      return advanced(withoutWait(record, 'training'), event.data);
    case 'checkpoint':
      return advanced(record, event.data);
    case 'progress':
      return progressed(record, event);
    case 'waiting':
    case 'continued':
    case 'interrupted':
      return waiting(record, event);
    case 'trained':
      if (record.state !== 'training' || !isCurrent(record, event.data)) return undefined;
      return { ...withoutWait(record, 'training'), state: 'evaluating', step: event.data.step };
    case 'evaluated':
      return evaluated(withoutWait(record, 'evaluation'), event.data);
    case 'failed':
      return failed(record, event.data);
    default:
      return undefined;
  }
}

/** An older attempt's ending says nothing about this one. */
const isCurrent = (record: RunRecord, { attempt }: { readonly attempt?: number }): boolean =>
  attempt === record.attempt;

function advanced<R>(
  record: RunRecord<R>,
  { step, totalSteps }: { readonly step: number; readonly totalSteps: number },
): RunRecord<R> | undefined {
  if (hasEnded(record.state) || step < record.step) return undefined;
  return { ...record, step, totalSteps };
}

function progressed<R>(record: RunRecord<R>, { time, data }: RunEvent<'progress'>): RunRecord<R> | undefined {
  const { imagesPerSecond, batchWaitShare: batch, teacherWaitShare: teacher, computeWaitShare: compute } = data;
  const advance = advanced(record, data);
  return advance && { ...advance, progress: { time, imagesPerSecond, waits: { batch, teacher, compute } } };
}

function evaluated<R>(record: RunRecord<R>, data: EventData['evaluated']): RunRecord<R> | undefined {
  const { metrics } = data;
  if (!data.final) return hasEnded(record.state) ? undefined : { ...record, metrics };
  if (record.state !== 'evaluating') return undefined;
  if (!isDiverged(metrics)) return { ...record, state: 'succeeded', metrics };
  return { ...record, state: 'failed', metrics, error: data.error ?? 'the student diverged' };
}

function failed<R>(record: RunRecord<R>, data: EventData['failed']): RunRecord<R> | undefined {
  const working = record.state === 'training' || record.state === 'evaluating';
  if (!working || !isCurrent(record, data)) return undefined;
  // A student that diverged has no result, so an earlier checkpoint's is removed.
  const { metrics: _, ...unmeasured } = record;
  return { ...(data.diverged ? unmeasured : record), state: 'failed', error: data.error, ...NO_WAITS };
}
