import { McldError } from '@mcld/errors/mcld-error.js';
import type { RunId } from '@mcld/platform/ids.js';
import { FencedError } from '@mcld/platform/runs/checkpoints.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { changeRun, type RunStore } from '@mcld/platform/runs/run-store.js';

/** Thrown when a run was cancelled while it was worked on. */
export class CancelledError extends McldError {
  static override readonly meaning = { status: 'CANCELLED', reason: 'RUN_CANCELLED' } as const;
}

/**
 * Takes a run in hand: the attempt counts up, which fences off any older worker.
 * @returns the record, or undefined when there is nothing to train (ended, cancelled, gone)
 */
export async function claimRun<R>(runs: RunStore<R>, id: RunId): Promise<RunRecord<R> | undefined> {
  let claimed = false;
  const record = await changeRun(runs, id, (found) => {
    claimed = ['queued', 'training', 'interrupted'].includes(found.state);
    return claimed ? { ...found, state: 'training', attempt: found.attempt + 1, error: '' } : undefined;
  });
  return claimed ? record : undefined;
}

/**
 * @throws CancelledError, or FencedError when the run is another attempt's: one that holds it already,
 * or one that it was queued for again since
 */
export async function assertClaimed(runs: RunStore, { id, attempt }: RunRecord): Promise<void> {
  const record = (await runs.get(id))?.record;
  if (!record || record.state === 'cancelled') throw new CancelledError(`run ${id} was cancelled`);
  if (record.state !== 'training') throw new FencedError(`run ${id} is ${record.state} again`);
  if (record.attempt !== attempt) throw new FencedError(`run ${id} was taken over by attempt ${record.attempt}`);
}

/** Gives a run back unfinished. */
export async function releaseRun(runs: RunStore, { id, attempt }: RunRecord): Promise<void> {
  await changeRun(runs, id, (record) =>
    record.attempt === attempt && record.state === 'training' ? { ...record, state: 'interrupted' } : undefined,
  );
}
