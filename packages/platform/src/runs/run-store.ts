import { McldError } from '@mcld/errors/mcld-error.js';
import { DocumentError } from '../documents.js';
import type { RunId } from '../ids.js';
import type { Logger } from '../logging.js';
import type { RunRecord } from './run-record.js';

/** Thrown when a record changed since it was read. */
export class RevisionConflictError extends McldError {
  static override readonly meaning = { status: 'ABORTED', reason: 'CONFLICT' } as const;
}

export interface Versioned<R = unknown> {
  readonly record: RunRecord<R>;
  readonly revision: number;
}

/** Run records with their recipes, changed only by compare-and-set. */
export interface RunStore<R = unknown> {
  /** @throws DocumentError for a record that is damaged, or whose recipe this build does not take */
  get(id: RunId): Promise<Versioned<R> | undefined>;
  /** @throws RevisionConflictError when the id is taken */
  create(record: RunRecord<R>): Promise<void>;
  /** @throws RevisionConflictError when `revision` is not the newest */
  update(record: RunRecord<R>, revision: number): Promise<void>;
  /** All records that can be read, newest first; others are logged. */
  list(): Promise<RunRecord<R>[]>;
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

/** The records of a store that can be read, newest first; each of the others is logged, by its message. */
export async function readableRuns<R>(
  store: Pick<RunStore<R>, 'get'>,
  ids: readonly RunId[],
  logger: Logger,
): Promise<RunRecord<R>[]> {
  const stored = await Promise.all(ids.map((id) => unlessUnreadable(id, logger, () => store.get(id))));
  return stored.flatMap((versioned) => (versioned ? [versioned.record] : [])).sort(newestFirst);
}

/** What `read` gives; undefined where the run's record cannot be read, which is logged: others are not held up by it. */
export async function unlessUnreadable<T>(
  run: RunId,
  logger: Logger,
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    logger.error({ run, err: error }, 'passing over a run whose record cannot be read');
    return undefined;
  }
}

const newestFirst = (a: RunRecord, b: RunRecord): number =>
  b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
