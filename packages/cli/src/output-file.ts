import { realpath, stat, writeFile } from 'node:fs/promises';
import { writeWhole } from '@mcld/files/atomic-file.js';

/**
 * Writes what a user asked for, whole or not at all. A file that is replaced keeps its permissions, a link still leads
 * where it led; what is not a file (`/dev/stdout`, a pipe) is written to.
 * @throws NodeJS.ErrnoException
 */
export async function writeOutput(file: string, body: Uint8Array | string): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const about = await stat(target).catch(() => undefined);
  if (about && !about.isFile()) return writeFile(file, body);
  await writeWhole(target, body, about && { mode: about.mode & 0o777 });
}
