import { McldError } from '@mcld/errors/mcld-error.js';
import type { RunId } from '../ids.js';
import type { RunRecord } from './run-record.js';

/** Thrown when a record changed since it was read. */
export class RevisionConflictError extends McldError {
  static override readonly meaning = { status: 'ABORTED', reason: 'CONFLICT' } as const;
}

export interface Versioned {
  readonly record: RunRecord;
  readonly revision: number;
}

/** Run records, changed only by compare-and-set. */
export interface RunStore {
  get(id: RunId): Promise<Versioned | undefined>;
  /** @throws RevisionConflictError when the id is taken */
  create(record: RunRecord): Promise<void>;
  /** @throws RevisionConflictError when `revision` is not the newest */
  update(record: RunRecord, revision: number): Promise<void>;
  /** All records, newest first. */
  list(): Promise<RunRecord[]>;
  delete(id: RunId): Promise<void>;
}

/**
 * Reads, changes and writes a record until no other change came between.
 * @param change gives the new record, or undefined to leave it
 * @returns the record as it stands after; undefined when there is none
 */
export async function changeRun(
  store: RunStore,
  id: RunId,
  change: (record: RunRecord) => RunRecord | undefined,
): Promise<RunRecord | undefined> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const found = await store.get(id);
    if (!found) return undefined;
    const changed = change(found.record);
    if (!changed) return found.record;
    const updated = { ...changed, updatedAt: new Date().toISOString() };
    try {
      await store.update(updated, found.revision);
      return updated;
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error;
    }
  }
  throw new RevisionConflictError(`run ${id} changed 20 times while it was being updated`);
}

export const newestFirst = (a: RunRecord, b: RunRecord): number =>
  b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
