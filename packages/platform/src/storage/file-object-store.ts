import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@mcld/errors/code.js';
import { isFull } from '@mcld/errors/foreign-meaning.js';
import { messageOf } from '@mcld/errors/text.js';
import { isPart, writeWhole } from '@mcld/files/atomic-file.js';
import { removeEmptyFolders } from '@mcld/files/empty-folders.js';
import { ObjectExistsError, type ObjectStore, ObjectStoreError } from './object-store.js';

/** Objects as files under a folder. */
export class FileObjectStore implements ObjectStore {
  constructor(readonly folder: string) {}

  async put(key: string, body: Uint8Array, options: { readonly ifAbsent?: boolean } = {}): Promise<void> {
    try {
      await writeWhole(this.#file(key), body, { ifAbsent: options.ifAbsent ?? false });
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && options.ifAbsent) throw new ObjectExistsError(`${key} exists already`);
      const why = isFull(error)
        ? `no space left on the disk of ${this.folder} to write ${key}`
        : `cannot write ${this.#file(key)}: ${messageOf(error)}`;
      throw new ObjectStoreError(why, { cause: error });
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#file(key));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new ObjectStoreError(`cannot read ${this.#file(key)}: ${messageOf(error)}`, { cause: error });
    }
  }

  async list(prefix: string): Promise<string[]> {
    const folder = this.#file(prefix.slice(0, prefix.lastIndexOf('/') + 1));
    const files = await filesUnder(folder).catch((error) => {
      throw new ObjectStoreError(`cannot list ${folder}: ${messageOf(error)}`, { cause: error });
    });
    return files
      .map((file) => path.relative(this.folder, file))
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  async delete(key: string): Promise<void> {
    const file = this.#file(key);
    await rm(file, { force: true });
    removeEmptyFolders(path.dirname(file), this.folder);
  }

  async deleteAll(prefix: string): Promise<void> {
    const folder = this.#file(prefix);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    removeEmptyFolders(path.dirname(folder), this.folder);
  }

  #file(key: string): string {
    if (key.split('/').some((part) => part === '..' || part === '.')) {
      throw new ObjectStoreError(`'${key}' is not an object key`);
    }
    return path.join(this.folder, key);
  }
}

/** Whole files at any depth. A folder that goes away meanwhile has none; `readdir` by itself would fail as a whole. */
async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const lists = entries.map((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(file);
    return entry.isFile() && !isPart(entry.name) ? [file] : [];
  });
  return (await Promise.all(lists)).flat();
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
