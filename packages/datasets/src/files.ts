import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DatasetError } from './dataset.js';

/** Reads a file of a data set. @throws DatasetError `missing` with a hint where to get it */
export async function readDataFile(root: string, name: string, hint: string): Promise<Buffer> {
  const file = path.join(root, name);
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DatasetError('missing', `no file ${file}; ${hint}`);
    }
    throw new DatasetError('damaged', `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** The first line of a STAND-IN.txt beside the data, which tells that they are not the original ones. */
export async function standInOf(root: string): Promise<string> {
  const text = await readFile(path.join(root, 'STAND-IN.txt'), 'utf8').catch(() => '');
  return text.split('\n')[0] ?? '';
}

export const textLines = (data: Buffer): string[] =>
  data
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '');

export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
