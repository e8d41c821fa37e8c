// A folder of the cache is whole or not there: it is filled under another name and renamed at the end.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

/** @param fill called with the folder to fill; call this under a lock */
export function fillFolder(folder, fill) {
  if (existsSync(folder)) return;
  const parent = path.dirname(folder);
  mkdirSync(parent, { recursive: true });
  // What an earlier attempt left that was cut off.
  for (const left of readdirSync(parent)) {
    if (left.startsWith(`${path.basename(folder)}.part`))
      rmSync(path.join(parent, left), { recursive: true, force: true });
  }
  const part = `${folder}.part-${process.pid}`;
  mkdirSync(part);
  try {
    fill(part);
    renameSync(part, folder);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}
