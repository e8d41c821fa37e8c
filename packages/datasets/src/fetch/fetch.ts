import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '@mcld/errors/code.js';
import { isFull, noSpace } from '@mcld/errors/foreign-meaning.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { lockFile } from '@mcld/native/file-lock.js';
import type { DatasetSource } from '../facts.js';
import { unpackTarGz, unpackZip } from './unpack.js';

/** Thrown when a data set cannot be fetched; what was fetched so far is kept for the next try. */
export class FetchError extends McldError {
  static override readonly meaning = { status: 'ABORTED', reason: 'FETCH' } as const;
}

export type OnBytes = (done: number, total: number | undefined) => void;

/**
 * Downloads a data set into `into`, going on where an earlier try broke off, verifies its md5 and
 * unpacks it.
 * @returns the folder to name as a recipe's root
 * @throws FetchError, also when another process fetches the same
 */
export async function fetchDataset(source: DatasetSource, into: string, onBytes: OnBytes): Promise<string> {
  const folder = path.join(into, source.folder);
  if (await exists(folder)) return folder;
  await mkdir(into, { recursive: true });
  // What is fetched has a name that the next try finds again, so two at once would write into one file.
  const lock = await open(path.join(into, `.${source.folder}.lock`), 'a');
  try {
    if (!lockFile(lock.fd)) throw new FetchError(`another process is fetching ${source.url} into ${into}`);
    if (!(await exists(folder))) await fetchInto(folder, source, onBytes);
    return folder;
  } finally {
    await lock.close();
  }
}

async function fetchInto(folder: string, source: DatasetSource, onBytes: OnBytes): Promise<void> {
  const into = path.dirname(folder);
  const archive = path.join(into, path.basename(new URL(source.url).pathname));
  const part = `${archive}.part`;
  if (!(await exists(archive))) {
    await download(source.url, part, onBytes);
    const digest = await md5(part);
    if (digest !== source.md5) {
      await rm(part);
      throw new FetchError(`${source.url} gave a file with md5 ${digest}, expected ${source.md5}; it was deleted`);
    }
    await rename(part, archive);
  }
  const unpacking = `${folder}.unpacking`;
  await rm(unpacking, { recursive: true, force: true });
  await (source.archive === 'zip' ? unpackZip : unpackTarGz)(archive, unpacking);
  await rename(path.join(unpacking, source.folder), folder);
  await rm(unpacking, { recursive: true });
  await rm(archive);
}

async function download(url: string, part: string, onBytes: OnBytes): Promise<void> {
  const have = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  const response = await fetch(url, have > 0 ? { headers: { range: `bytes=${have}-` } } : {}).catch((error: Error) => {
    const why = error.cause === undefined ? error.message : codeOf(error.cause) || messageOf(error.cause);
    throw new FetchError(
      `cannot reach ${new URL(url).host} (${why}); ` +
        'without a network, copy the data set here by hand and name its folder with --data',
    );
  });
  if (response.status === 416) return; // All of it is here already.
  if (!response.ok || !response.body) throw new FetchError(`${url} answered ${response.status} ${response.statusText}`);
  const resumed = response.status === 206;
  let done = resumed ? have : 0;
  const length = Number(response.headers.get('content-length'));
  const total = length > 0 ? done + length : undefined;
  async function* counted(body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      yield chunk;
      done += chunk.length;
      onBytes(done, total);
    }
  }
  try {
    await pipeline(counted(response.body), createWriteStream(part, { flags: resumed ? 'a' : 'w' }));
  } catch (error) {
    if (isFull(error)) throw new FetchError(`no space left for ${part}`, { ...noSpace, cause: error });
    const why = messageOf(error);
    throw new FetchError(
      `the download of ${url} broke off at ${done} bytes (${why}); the same command goes on from there`,
      { cause: error },
    );
  }
}

async function md5(file: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
