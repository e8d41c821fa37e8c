import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DatasetError } from './dataset.js';
import { isImageName } from './image-names.js';

/** Deepest tree of folders that is walked. */
const MAX_DEPTH = 32;

/** By code points, numbers by value: the same on every machine. */
const byName = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true }) || (a < b ? -1 : 1);

/** Names of the folders in a folder, sorted by code points; symbolic links to folders count. */
export async function folderNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path.join(folder, entry.name))))) {
      names.push(entry.name);
    }
  }
  return names.sort((a, b) => (a < b ? -1 : 1));
}

/**
 * Image files under a folder at any depth, relative to the root, in a fixed order. Symbolic links are followed, each
 * folder once.
 * @throws DatasetError for one that leads out of the root
 */
export async function imagesUnder(root: string, folder: string): Promise<string[]> {
  const base = await realpath(root);
  const seen = new Set<string>();
  const files: string[] = [];
  async function walk(inside: string, depth: number): Promise<void> {
    const real = await inRoot(base, path.join(root, inside));
    if (seen.has(real) || depth > MAX_DEPTH) return;
    seen.add(real);
    const entries = await entriesOf(path.join(root, inside));
    for (const entry of entries.sort((a, b) => byName(a.name, b.name))) {
      const name = path.join(inside, entry.name);
      if (entry.name.startsWith('.')) continue;
      if (entry.isSymbolicLink()) {
        await inRoot(base, path.join(root, name));
        if (await isFolder(path.join(root, name))) await walk(name, depth + 1);
        else if (isImageName(entry.name)) files.push(name);
      } else if (entry.isDirectory()) await walk(name, depth + 1);
      else if (entry.isFile() && isImageName(entry.name)) files.push(name);
    }
  }
  await walk(folder, 0);
  return files;
}

async function inRoot(base: string, name: string): Promise<string> {
  const real = await realpath(name).catch((error: NodeJS.ErrnoException) => {
    throw new DatasetError('damaged', `${name} leads nowhere: ${error.message}`, { cause: error });
  });
  if (real === base || real.startsWith(base + path.sep)) return real;
  throw new DatasetError('damaged', `${name} is a symbolic link out of the data set's root ${base}`);
}

const isFolder = (name: string): Promise<boolean> =>
  stat(name).then(
    (about) => about.isDirectory(),
    () => false,
  );

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new DatasetError(
      missing ? 'missing' : 'damaged',
      missing ? `no folder ${folder}` : `cannot list ${folder}: ${message}`,
    );
  }
}
