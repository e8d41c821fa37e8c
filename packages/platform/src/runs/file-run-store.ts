import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isFull } from '@mcld/errors/foreign-meaning.js';
import { messageOf } from '@mcld/errors/text.js';
import { writeWhole } from '@mcld/files/atomic-file.js';
import pLimit from 'p-limit';
import { z } from 'zod';
import { readDocument } from '../documents.js';
import { type RunId, runIdSchema } from '../ids.js';
import { jsonText } from '../json.js';
import { ObjectStoreError } from '../storage/object-store.js';
import { type ParseRecipe, type RunRecord, readRunRecord } from './run-record.js';
import { listedRuns, RevisionConflictError, type RunList, type RunStore, type Versioned } from './run-store.js';

const storedSchema = z.object({ record: z.unknown(), revision: z.int() });

/** Records as JSON files. One process owns the folder (see ownership.ts), so a revision is enough. */
export class FileRunStore<R> implements RunStore<R> {
  // Changes of one record follow one another.
  readonly #oneAtATime = pLimit(1);

  constructor(
    readonly folder: string,
    readonly parseRecipe: ParseRecipe<R>,
  ) {}

  async get(id: RunId): Promise<Versioned<R> | undefined> {
    const file = this.#file(id);
    const stored = await readDocument(file, storedSchema);
    return stored && { record: readRunRecord(file, stored.record, this.parseRecipe), revision: stored.revision };
  }

  create(record: RunRecord<R>): Promise<void> {
    return this.#oneAtATime(async () => {
      if (await this.get(record.id)) throw new RevisionConflictError(`run ${record.id} exists already`);
      await this.#write({ record, revision: 1 });
    });
  }

  update(record: RunRecord<R>, revision: number): Promise<void> {
    return this.#oneAtATime(async () => {
      const stored = await this.get(record.id);
      if (stored?.revision !== revision) throw new RevisionConflictError(`run ${record.id} changed meanwhile`);
      await this.#write({ record, revision: revision + 1 });
    });
  }

  async list(): Promise<RunList<R>> {
    await mkdir(this.folder, { recursive: true });
    const ids = (await readdir(this.folder)).flatMap((name) => {
      const id = name.endsWith('.json') && runIdSchema.safeParse(name.slice(0, -'.json'.length)).data;
      return id ? [id] : [];
    });
    return listedRuns(this, ids);
  }

  async delete(id: RunId): Promise<void> {
    await rm(this.#file(id), { force: true });
  }

  async #write(entry: Versioned<R>): Promise<void> {
    const file = this.#file(entry.record.id);
    try {
      await writeWhole(file, Buffer.from(`${jsonText(entry, 2)}\n`));
    } catch (error) {
      const why = isFull(error) ? 'no space left on its disk' : messageOf(error);
      throw new ObjectStoreError(`cannot write ${file}: ${why}`, { cause: error });
    }
  }

  #file(id: RunId): string {
    return path.join(this.folder, `${id}.json`);
  }
}
