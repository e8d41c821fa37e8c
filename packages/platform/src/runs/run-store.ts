import { McldError } from '@mcld/errors/mcld-error.js';
import { DocumentError } from '../documents.js';
import type { RunId } from '../ids.js';
import type { RunRecord } from './run-record.js';

/** Thrown when a record changed since it was read. */
export class RevisionConflictError extends McldError {
  static override readonly meaning = { status: 'ABORTED', reason: 'CONFLICT' } as const;
}

export interface Versioned<R = unknown> {
  readonly record: RunRecord<R>;
  readonly revision: number;
}

/** All runs of a store. */
export interface RunList<R = unknown> {
  /** Newest first. */
  readonly records: readonly RunRecord<R>[];
  /** Why each of the others is not among them. */
  readonly unreadable: readonly DocumentError[];
}

/** Run records with their recipes, changed only by compare-and-set. */
export interface RunStore<R = unknown> {
  /** @throws DocumentError for a record that is damaged, or whose recipe this build does not take */
  get(id: RunId): Promise<Versioned<R> | undefined>;
  /** @throws RevisionConflictError when the id is taken */
  create(record: RunRecord<R>): Promise<void>;
  /** @throws RevisionConflictError when `revision` is not the newest */
  update(record: RunRecord<R>, revision: number): Promise<void>;
  list(): Promise<RunList<R>>;
  delete(id: RunId): Promise<void>;
}

/**
 * Reads, changes and writes a record until no other change came between.
 * @param change gives the new record, or undefined to leave it
 * @returns the record as it stands after; undefined when there is none
 * @throws DocumentError, RevisionConflictError
 */
export async function changeRun<R>(
  store: RunStore<R>,
  id: RunId,
  change: (record: RunRecord<R>) => RunRecord<R> | undefined,
): Promise<RunRecord<R> | undefined> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const stored = await store.get(id);
    if (!stored) return undefined;
    const changed = change(stored.record);
    if (!changed) return stored.record;
    const updated = { ...changed, updatedAt: new Date().toISOString() };
    try {
      await store.update(updated, stored.revision);
      return updated;
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error;
    }
  }
  throw new RevisionConflictError(`run ${id} changed 20 times while it was being updated`);
}

/** The records of a store, given their ids. */
export async function listedRuns<R>(store: Pick<RunStore<R>, 'get'>, ids: readonly RunId[]): Promise<RunList<R>> {
  const records: RunRecord<R>[] = [];
  const unreadable: DocumentError[] = [];
  const take = async (id: RunId): Promise<void> => {
    try {
      const stored = await store.get(id);
      if (stored) records.push(stored.record);
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      unreadable.push(error);
    }
  };
  await Promise.all(ids.map(take));
  return { records: records.sort(newestFirst), unreadable: unreadable.sort(byMessage) };
}

const byMessage = (a: Error, b: Error): number => a.message.localeCompare(b.message);

const newestFirst = (a: RunRecord, b: RunRecord): number =>
  b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
