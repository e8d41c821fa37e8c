import { type Dirent, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@mcld/errors/code.js';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { removeEmptyFolders } from '@mcld/files/empty-folders.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { Config } from '@mcld/platform/config.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import pLimit from 'p-limit';

const ENDS = ['.rows', '.keys'] as const;

/** One teacher's rows for one data set, on this disk. */
export interface StoredLogits {
  readonly teacher: string;
  readonly data: string;
  readonly bytes: number;
  readonly segments: number;
  readonly lastUsed: Date;
}

/**
 * The segments of all teachers, as files under a folder; with an object store they are shared through it, and the files
 * are a cache. The folder's size is kept under a limit by letting go of the stores used longest ago.
 */
export class SegmentFolder {
  readonly #toShare: string[] = [];
  readonly #sharing = pLimit(1);
  /** Stores that this process works with: never let go. */
  readonly #used = new Set<string>();

  /**
   * @param remote where segments are shared
   * @param limitBytes most bytes of files
   */
  constructor(
    readonly root: string,
    readonly remote: ObjectStore | undefined,
    readonly limitBytes: number,
    readonly logger: Logger,
  ) {}

  get isShared(): boolean {
    return this.remote !== undefined;
  }

  folderOf({ teacher, data }: { readonly teacher: string; readonly data: string }): string {
    return path.join(this.root, teacher, data);
  }

  /** A store's segments, oldest first, after those that others shared have been fetched. */
  async list(teacher: string, data: string): Promise<{ name: string; file: string }[]> {
    const folder = this.folderOf({ teacher, data });
    this.#used.add(folder);
    await mkdir(folder, { recursive: true });
    const now = new Date();
    utimesSync(folder, now, now);
    await this.#fetch(teacher, data, folder);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.keys')).sort();
    return names.map((name) => {
      const stem = name.slice(0, -'.keys'.length);
      return { name: stem, file: path.join(folder, stem) };
    });
  }

  async #fetch(teacher: string, data: string, folder: string): Promise<void> {
    if (!this.remote) return;
    const prefix = `logits/${teacher}/${data}/`;
    const here = new Set(await readdir(folder));
    const keys = await this.remote.list(prefix);
    for (const key of keys.filter((name) => name.endsWith('.keys') && !here.has(path.basename(name)))) {
      // The rows first: a segment is there when its keys are.
      for (const end of ENDS) {
        const body = await this.remote.get(key.replace(/\.keys$/, end));
        if (!body) break;
        const file = path.join(folder, path.basename(key).replace(/\.keys$/, end));
        await writeWhole(file, body);
      }
    }
  }

  /** Notes a segment that is complete for sharing. @param file path without ending */
  finished(file: string): void {
    if (this.remote) this.#toShare.push(file);
  }

  /** Shares what is complete; what fails is tried again next time. @throws ObjectStoreError */
  settle(): Promise<void> {
    return this.#sharing(async () => {
      for (let file = this.#toShare[0]; file !== undefined; file = this.#toShare[0]) {
        for (const end of ENDS) {
          const key = `logits/${path.relative(this.root, file).split(path.sep).join('/')}${end}`;
          const body = await readFile(file + end).catch(absent);
          // Removed since: nobody wants it.
          if (!body) break;
          await this.remote?.put(key, body);
        }
        this.#toShare.shift();
      }
    });
  }

  /**
   * Makes room for `bytes` more by letting go of other stores, those used longest ago first.
   * @returns false when no room can be made
   */
  makeRoom(address: { teacher: string; data: string }, bytes: number): boolean {
    const stores = this.stored();
    let total = stores.reduce((sum, store) => sum + store.bytes, bytes);
    for (const store of stores) {
      if (total <= this.limitBytes) return true;
      const folder = this.folderOf(store);
      if (this.#used.has(folder) || folder === this.folderOf(address)) continue;
      this.logger.info({ ...store }, 'letting go of the logits used longest ago');
      rmSync(folder, { recursive: true, force: true });
      removeEmptyFolders(path.dirname(folder), this.root);
      total -= store.bytes;
    }
    return total <= this.limitBytes;
  }

  /** Every store on this disk, the one used longest ago first. */
  stored(): StoredLogits[] {
    const stores = foldersOf(this.root).flatMap((teacher) =>
      foldersOf(path.join(this.root, teacher)).map((data) => {
        const folder = this.folderOf({ teacher, data });
        const files = entriesOf(folder).filter(({ name }) => ENDS.some((end) => name.endsWith(end)));
        // Blocks, not lengths: a growing segment has its full length from the beginning.
        const blocks = files.map(({ name }) => statSync(path.join(folder, name), IF_THERE)?.blocks ?? 0);
        const bytes = blocks.reduce((sum, n) => sum + n * 512, 0);
        const segments = files.filter(({ name }) => name.endsWith('.keys')).length;
        return { teacher, data, bytes, segments, lastUsed: statSync(folder, IF_THERE)?.mtime ?? new Date(0) };
      }),
    );
    return stores.sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
  }

  /** Removes a store, here and where it is shared. */
  async remove(store: { teacher: string; data: string }): Promise<void> {
    const folder = this.folderOf(store);
    await rm(folder, { recursive: true, force: true });
    removeEmptyFolders(path.dirname(folder), this.root);
    await this.remote?.deleteAll(`logits/${store.teacher}/${store.data}/`);
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** A process at work there may let go of any file meanwhile. */
const IF_THERE = { throwIfNoEntry: false } as const;

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

const foldersOf = (folder: string): string[] =>
  entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** The folder that the settings name: beside the runs where those are files, else a cache of what S3 shares. */
export function openSegmentFolder(
  config: Config,
  { objects }: Pick<Adapters, 'objects'>,
  logger: Logger,
): SegmentFolder {
  const shared = config.MCLD_S3_ENDPOINT !== undefined;
  const folder = path.join(shared ? config.MCLD_CACHE_DIR : path.join(config.MCLD_HOME, 'store'), 'logits');
  return new SegmentFolder(folder, shared ? objects : undefined, config.MCLD_LOGIT_STORE_MB * 2 ** 20, logger);
}
