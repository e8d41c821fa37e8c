import { randomUUID } from 'node:crypto';
import { rmdirSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

interface WriteOptions {
  /** Refuses to replace a file that is there. */
  readonly ifAbsent?: boolean;
  /** Permissions of the file, 0o666 less the umask by default. */
  readonly mode?: number;
}

/**
 * Writes a file so that it is whole or not there, and on the disk when this returns.
 * @throws NodeJS.ErrnoException; EEXIST with `ifAbsent` when the file is there
 */
export async function writeWhole(
  file: string,
  body: Uint8Array,
  { ifAbsent = false, mode }: WriteOptions = {},
): Promise<void> {
  const part = `${file}.part-${randomUUID()}`;
  try {
    const handle = await openIn(path.dirname(file), part, mode);
    try {
      await handle.writeFile(body);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // link() refuses an existing name, rename() replaces it; both are atomic.
    if (ifAbsent) await link(part, file);
    else await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}

/** Opens a new file in a folder that is made where it is missing. */
async function openIn(folder: string, file: string, mode: number | undefined): Promise<FileHandle> {
  for (let attempt = 0; ; attempt++) {
    try {
      await mkdir(folder, { recursive: true });
      return await open(file, 'wx', mode);
    } catch (error) {
      // `removeEmptyFolders` took the folder, or one above it, away before the file was in it (mkdir then says ENOTDIR).
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!['ENOENT', 'ENOTDIR'].includes(code) || attempt === 100) throw error;
    }
  }
}

/** Removes a folder where it is empty, then those above it that became so, up to `root`, which stays. */
export function removeEmptyFolders(folder: string, root: string): void {
  for (let at = path.resolve(folder); at.startsWith(`${path.resolve(root)}${path.sep}`); at = path.dirname(at)) {
    try {
      rmdirSync(at);
    } catch (error) {
      // Something is in it, or it may not be removed: an empty folder does no harm. Another may have been faster.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    }
  }
}
