import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from './atomic-file.js';
import { ObjectExistsError, type ObjectStore, ObjectStoreError } from './object-store.js';

/** Objects as files under a folder. */
export class FileObjectStore implements ObjectStore {
  constructor(readonly folder: string) {}

  async put(key: string, body: Uint8Array, options: { readonly ifAbsent?: boolean } = {}): Promise<void> {
    try {
      await writeWhole(this.#file(key), body, { ifAbsent: options.ifAbsent ?? false });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST' && options.ifAbsent) throw new ObjectExistsError(`${key} exists already`);
      if (code === 'ENOSPC') throw new ObjectStoreError(`no space left on the disk of ${this.folder} to write ${key}`);
      throw new ObjectStoreError(`cannot write ${this.#file(key)}: ${message}`, { cause: error });
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#file(key));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new ObjectStoreError(`cannot read ${this.#file(key)}: ${(error as Error).message}`, { cause: error });
    }
  }

  async list(prefix: string): Promise<string[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const entries = await readdir(this.#file(folder), { recursive: true, withFileTypes: true }).catch((error) => {
      if (isMissing(error)) return [];
      throw new ObjectStoreError(`cannot list ${this.#file(folder)}: ${(error as Error).message}`, { cause: error });
    });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.includes('.part-'))
      .map((entry) => path.relative(this.folder, path.join(entry.parentPath, entry.name)))
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  async delete(key: string): Promise<void> {
    await rm(this.#file(key), { force: true });
  }

  #file(key: string): string {
    if (key.split('/').some((part) => part === '..' || part === '.')) {
      throw new ObjectStoreError(`'${key}' is no object key`);
    }
    return path.join(this.folder, key);
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
