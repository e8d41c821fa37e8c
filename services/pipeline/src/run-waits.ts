import type { RunEvent } from '@mcld/platform/bus/events.js';
import { hasEnded, type RunRecord } from '@mcld/platform/runs/run-record.js';
import type { WaitStage } from '@mcld/platform/waits/wait.js';

type WaitOf = NonNullable<RunRecord['waiting']>[number];

/**
 * What a record says of a run's waits after an event: what a stage waits for, an attempt that rests before the next
 * one, or nothing any more.
 * @returns undefined when the event changes nothing
 */
export function waiting<R>(
  record: RunRecord<R>,
  event: RunEvent<'waiting'> | RunEvent<'continued'> | RunEvent<'interrupted'>,
): RunRecord<R> | undefined {
  const { attempt } = event.data;
  // An older attempt's waits say nothing about this one.
  if (hasEnded(record.state) || (attempt !== undefined && attempt !== record.attempt)) return undefined;
  const changed = changedBy(record, event);
  return changed === record ? undefined : changed;
}

function changedBy<R>(
  record: RunRecord<R>,
  event: RunEvent<'waiting'> | RunEvent<'continued'> | RunEvent<'interrupted'>,
): RunRecord<R> {
  switch (event.kind) {
    case 'waiting': {
      const { step, attempt: _, ...wait } = event.data;
      // Told again to a late follower, when training has gone on since.
      return wait.stage === 'training' && step < record.step ? record : withWait(record, wait);
    }
    case 'continued':
      return withoutWait(record, event.data.stage);
    case 'interrupted': {
      const { retry } = event.data;
      if (!retry) return withoutWait(record, 'training');
      const what = `attempt ${retry.next} of ${retry.most}`;
      const rest = {
        stage: 'training',
        service: 'work queue',
        what,
        since: event.time,
        retries: retry.next - 1,
      } as const;
      return withWait(record, { ...rest, lastError: retry.reason });
    }
  }
}

const withWait = <R>(record: RunRecord<R>, wait: WaitOf): RunRecord<R> => ({
  ...record,
  waiting: [...(record.waiting ?? []).filter(({ stage }) => stage !== wait.stage), wait],
});

/** @returns the same record where the stage does not wait */
export function withoutWait<R>(record: RunRecord<R>, stage: WaitStage): RunRecord<R> {
  const { waiting: waits = [] } = record;
  return waits.some((wait) => wait.stage === stage)
    ? { ...record, waiting: waits.filter((wait) => wait.stage !== stage) }
    : record;
}
