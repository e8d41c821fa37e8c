import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { codeOf } from '@mcld/errors/code.js';
import { messageOf } from '@mcld/errors/text.js';
import { mapFile } from '@mcld/native/mapped-file.js';
import { DatasetError } from './dataset-error.js';
import { shownPath } from './file-names.js';

/** How files are opened: a pipe under the name of a file is read as empty, where it would be waited for without end. */
export const READ_NOW = constants.O_RDONLY | constants.O_NONBLOCK;

/** What the system says, without the path, which Node mangles where it is not UTF-8. */
export function reasonOf(error: unknown): string {
  const number = error instanceof Error && 'errno' in error ? error.errno : undefined;
  return (typeof number === 'number' ? getSystemErrorMap().get(number)?.[1] : undefined) ?? messageOf(error);
}

const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';

/** What to throw where a file or folder cannot be reached. @param what 'cannot read', for the message */
export function fileError(what: string, file: string, error: unknown): DatasetError {
  const message = `${what} ${shownPath(file)}: ${reasonOf(error)}`;
  return new DatasetError(isMissing(error) ? 'missing' : 'damaged', message, { cause: error });
}

/** Reads a file of a data set. @throws DatasetError `missing` with a hint where to get it */
export async function readDataFile(root: string, name: string, hint: string): Promise<Buffer> {
  const file = path.join(root, name);
  try {
    return await readFile(file, { flag: READ_NOW });
  } catch (error) {
    if (isMissing(error)) throw new DatasetError('missing', `no file ${file}; ${hint}`);
    throw fileError('cannot read', file, error);
  }
}

/** Maps a file of a data set, which may be larger than memory. @throws DatasetError as `readDataFile` */
export async function mapDataFile(root: string, name: string, hint: string): Promise<Uint8Array> {
  const file = path.join(root, name);
  const about = await stat(file).catch(() => undefined);
  if (!about) throw new DatasetError('missing', `no file ${file}; ${hint}`);
  if (!about.isFile()) throw new DatasetError('damaged', `${file} is not a file`);
  return about.size === 0 ? new Uint8Array() : new Uint8Array(mapFile(file));
}

/** The first line of a STAND-IN.txt beside the data, which tells that they are not the original ones. */
export async function standInOf(root: string): Promise<string> {
  const text = await readFile(path.join(root, 'STAND-IN.txt'), { flag: READ_NOW }).catch(() => '');
  return text.toString().split('\n')[0] ?? '';
}

const HASHED = 1 << 26;

export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // One update takes less than 2 GiB.
    for (let at = 0; at < part.length; at += HASHED)
      hash.update(
        part.length <= HASHED
          ? part
          : typeof part === 'string'
            ? part.slice(at, at + HASHED)
            : part.subarray(at, at + HASHED),
      );
  }
  return hash.digest('hex');
}
