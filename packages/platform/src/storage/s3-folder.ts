import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { z } from 'zod';
import { ObjectStoreError } from './object-store.js';
import { type S3Access, s3Client } from './s3-object-store.js';

/** What a listing says of an object; of a prefix it says neither key nor ETag. */
const listed = z.object({ name: z.string().default(''), size: z.int().min(0), etag: z.string().default('') });

/** Thrown for an address that is none: `s3://bucket/prefix/`. */
export class S3AddressError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_S3_ADDRESS' } as const;
}

/**
 * Brings the files directly under `s3://bucket/prefix` into a folder; those that are there with their ETag are not
 * fetched again.
 * @param wanted which names to take
 * @throws S3AddressError, ObjectStoreError
 */
export async function fetchS3Folder(
  access: S3Access,
  address: string,
  wanted: (name: string) => boolean,
  folder: string,
): Promise<void> {
  const [, bucket, rest] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?(.*)$/.exec(address) ?? [];
  if (!bucket) throw new S3AddressError(`'${address}': expected s3://bucket/prefix`);
  const prefix = rest ? `${rest.replace(/\/+$/, '')}/` : '';
  const client = s3Client(access);
  try {
    await mkdir(folder, { recursive: true });
    for await (const item of client.listObjectsV2(bucket, prefix, false)) {
      const { name: key, size, etag } = listed.parse(item);
      const name = key.slice(prefix.length);
      if (name === '' || name.includes('/') || !wanted(name)) continue;
      const file = path.join(folder, name);
      if ((await markOf(file)) === `${etag} ${size}`) continue;
      await writeWhole(file, await client.getObject(bucket, key));
      await writeWhole(etagFile(file), `${etag} ${size}`);
    }
  } catch (error) {
    throw new ObjectStoreError(`S3 at ${access.endpoint}: cannot fetch ${address}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The mark beside a file; its name begins with a dot, as no data set's file does. */
const etagFile = (file: string): string => path.join(path.dirname(file), `.${path.basename(file)}.etag`);

/** The mark of a file that was fetched whole; undefined where it is not there. */
async function markOf(file: string): Promise<string | undefined> {
  const [mark, about] = await Promise.all([
    readFile(etagFile(file), 'utf8').catch(() => undefined),
    stat(file).catch(() => undefined),
  ]);
  return mark?.endsWith(` ${about?.size}`) ? mark : undefined;
}
