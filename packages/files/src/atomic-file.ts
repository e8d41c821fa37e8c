import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@mcld/errors/code.js';

interface WriteOptions {
  /** Refuses to replace an existing file. */
  readonly ifAbsent?: boolean;
  /** Permissions of the file, 0o666 less the umask by default. */
  readonly mode?: number;
}

/**
 * Writes a file so that it is whole or absent, even with several writers at once, and on the disk when this returns.
 * Its folder is made where it is missing.
 *
 * Not a package's: write-file-atomic and atomically take neither streams nor `ifAbsent`, do not sync the folder, and
 * call write() once, which on a disk that is nearly full writes a part and says so only in a number that they do not
 * read.
 *
 * @param body whole, or piece by piece
 * @throws NodeJS.ErrnoException, EEXIST with `ifAbsent` when the file is there; what reading `body` throws
 */
export async function writeWhole(
  file: string,
  body: Uint8Array | string | AsyncIterable<Uint8Array>,
  { ifAbsent = false, mode }: WriteOptions = {},
): Promise<void> {
  const folder = path.dirname(file);
  const part = partOf(file);
  try {
    const handle = await openIn(folder, part, mode);
    try {
      await writeFile(handle, body);
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
  await syncFolder(folder);
}

/** The same at once, for what cannot wait; its folder is there. @throws NodeJS.ErrnoException */
export function writeWholeSync(file: string, body: Uint8Array): void {
  const part = partOf(file);
  try {
    const fd = openSync(part, 'wx');
    try {
      writeFileSync(fd, body);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(part, file);
  } finally {
    rmSync(part, { force: true });
  }
}

const PART = '.part-';

/** The name of a file while it is written, unlike any other writer's. */
const partOf = (file: string): string => `${file}${PART}${randomUUID()}`;

/** Whether a name is that of a file still being written, or whose writer was killed. */
export const isPart = (name: string): boolean => name.includes(PART);

/** Opens a new file in a folder that is made where it is missing. */
async function openIn(folder: string, file: string, mode: number | undefined): Promise<FileHandle> {
  for (let attempt = 0; ; attempt++) {
    try {
      await mkdir(folder, { recursive: true });
      return await open(file, 'wx', mode);
    } catch (error) {
      // `removeEmptyFolders` took the folder, or one above it, away before the file was in it (mkdir then says
      // ENOTDIR).
      if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '') || attempt === 100) throw error;
    }
  }
}

/** A new name is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Network disks may not sync folders; and another process may have removed file and folder again.
    if (!['EINVAL', 'ENOTSUP', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
  }
}
