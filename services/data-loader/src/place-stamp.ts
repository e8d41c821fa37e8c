import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { inOrder } from '@mcld/datasets/readers/fingerprint.js';

/** Entries of a root that are looked at; more of them are seen by the time of the root alone. */
const MOST = 10_000;

/**
 * Tells whether a data set's place has changed since, at the cost of a thousand system calls for ImageNet: sizes and
 * times of what lies at its root, and times of the folders in the folders there. So a split, a class or a shard that
 * comes or goes is noticed, an image that comes or goes where classes are folders too, but not one that is written
 * anew.
 */
export async function placeStamp(root: string): Promise<string> {
  const hash = createHash('sha256').update(await about(root));
  const names = (await namesIn(root, () => true)).slice(0, MOST);
  await inOrder(names, (name) => about(path.join(root, name)), hash);
  for (const name of names) {
    const folders = await namesIn(path.join(root, name), (entry) => entry.isDirectory() || entry.isSymbolicLink());
    await inOrder(folders, (folder) => about(path.join(root, name, folder)), hash);
  }
  return hash.digest('hex');
}

type Entry = Awaited<ReturnType<typeof readEntries>>[number];

const readEntries = (folder: string) => readdir(folder, { withFileTypes: true });

/** Empty for anything that is not a folder. */
async function namesIn(folder: string, matches: (entry: Entry) => boolean): Promise<string[]> {
  const entries = await readEntries(folder).catch(() => []);
  return entries
    .filter(matches)
    .map(({ name }) => name)
    .sort();
}

async function about(place: string): Promise<string> {
  const stats = await stat(place, { bigint: true }).catch(() => undefined);
  return `${place}\0${stats?.size}\0${stats?.mtimeNs}\n`;
}
