import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a file so that it is whole or not there, and on the disk when this returns.
 * @throws NodeJS.ErrnoException; EEXIST with `ifAbsent` when the file is there
 */
export async function writeWhole(file: string, body: Uint8Array, { ifAbsent = false } = {}): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const part = `${file}.part-${randomUUID()}`;
  try {
    const handle = await open(part, 'wx');
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
