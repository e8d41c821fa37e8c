import { createHash, type Hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { z } from 'zod';
import { addressOf, readable } from './file-names.js';
import { fileError } from './files.js';

const findingsSchema = z.object({
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  /** Rows of files that cannot be decoded, of the whole list. */
  damaged: z.array(z.int().min(0)).readonly(),
});

/** What opening a data set found out by reading all of it. */
export type Findings = Readonly<z.output<typeof findingsSchema>>;

/**
 * Remembers what reading a data set of many files told, by their names, sizes and times of change: so a fingerprint
 * over content is as cheap to have again as a look at the files.
 */
export class FingerprintMemory {
  /** @param folder where to remember; undefined: nowhere */
  constructor(readonly folder: string | undefined) {}

  /** @param stamp of the files as they are now */
  async recall(stamp: string): Promise<Findings | undefined> {
    if (!this.folder) return undefined;
    try {
      return findingsSchema.parse(JSON.parse(await readFile(path.join(this.folder, `${stamp}.json`), 'utf8')));
    } catch {
      // Not there, or not to be read: it is found out again.
      return undefined;
    }
  }

  /** Where it cannot be kept, it is found out again next time. */
  async keep(stamp: string, findings: Findings): Promise<void> {
    if (!this.folder) return;
    await writeWhole(path.join(this.folder, `${stamp}.json`), JSON.stringify(findings)).catch(() => {});
  }
}

/** Files looked at or read at once. */
const AT_ONCE = 16;

/**
 * sha256 over names, sizes and times of change.
 * @param about what else the findings depend on @throws DatasetError
 */
export async function stampOf(about: readonly unknown[], root: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${JSON.stringify(about)}\n${path.resolve(root)}\n`);
  const look = async (file: string) => {
    const full = path.join(root, file);
    const { size, mtimeNs } = await stat(addressOf(full), { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      throw fileError('cannot look at', full, error);
    });
    return `${readable(file)}\0${size}\0${mtimeNs}\n`;
  };
  await inOrder(files, look, hash);
  return hash.digest('hex');
}

/** Adds what `read` gives for each item to a hash, in the order of the items, some of them at once. */
export async function inOrder<T>(
  items: readonly T[],
  read: (item: T, row: number) => Promise<string | Uint8Array>,
  hash: Hash,
): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const slice = items.slice(from, from + AT_ONCE);
    for (const part of await Promise.all(slice.map((item, i) => read(item, from + i)))) hash.update(part);
  }
}
