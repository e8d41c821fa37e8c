import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { isFull } from '@mcld/errors/foreign-meaning.js';
import { writeWhole } from '@mcld/files/atomic-file.js';
import pLimit from 'p-limit';
import type { RunId } from '../ids.js';
import { jsonText } from '../json.js';
import { ObjectStoreError } from '../storage/object-store.js';
import type { RunRecord } from './run-record.js';
import { newestFirst, RevisionConflictError, type RunStore, type Versioned } from './run-store.js';

/** Records as JSON files. One process owns the folder (see ownership.ts), so a revision is enough. */
export class FileRunStore implements RunStore {
  // Changes of one record follow one another.
  readonly #oneAtATime = pLimit(1);

  constructor(readonly folder: string) {}

  async get(id: RunId): Promise<Versioned | undefined> {
    const text = await readFile(this.#file(id), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return text === undefined ? undefined : (JSON.parse(text) as Versioned);
  }

  create(record: RunRecord): Promise<void> {
    return this.#oneAtATime(async () => {
      if (await this.get(record.id)) throw new RevisionConflictError(`run ${record.id} exists already`);
      await this.#write({ record, revision: 1 });
    });
  }

  update(record: RunRecord, revision: number): Promise<void> {
    return this.#oneAtATime(async () => {
      const found = await this.get(record.id);
      if (found?.revision !== revision) throw new RevisionConflictError(`run ${record.id} changed meanwhile`);
      await this.#write({ record, revision: revision + 1 });
    });
  }

  async list(): Promise<RunRecord[]> {
    await mkdir(this.folder, { recursive: true });
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.json'));
    const found = await Promise.all(names.map((name) => this.get(name.slice(0, -'.json'.length) as RunId)));
    return found.flatMap((entry) => (entry ? [entry.record] : [])).sort(newestFirst);
  }

  async delete(id: RunId): Promise<void> {
    await rm(this.#file(id), { force: true });
  }

  async #write(entry: Versioned): Promise<void> {
    const file = this.#file(entry.record.id);
    try {
      await writeWhole(file, Buffer.from(`${jsonText(entry, 2)}\n`));
    } catch (error) {
      const why = isFull(error) ? 'no space left on its disk' : (error as Error).message;
      throw new ObjectStoreError(`cannot write ${file}: ${why}`, { cause: error });
    }
  }

  #file(id: RunId): string {
    return path.join(this.folder, `${id}.json`);
  }
}
