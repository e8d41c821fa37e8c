import { buffer } from 'node:stream/consumers';
import { codeOf } from '@mcld/errors/code.js';
import { messageOf } from '@mcld/errors/text.js';
import { Client } from 'minio';
import { z } from 'zod';
import { ObjectExistsError, type ObjectStore, ObjectStoreError } from './object-store.js';

export interface S3Access {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface S3Options extends S3Access {
  readonly bucket: string;
}

export function s3Client({ endpoint, accessKey, secretKey }: S3Access): Client {
  const url = new URL(endpoint);
  const useSSL = url.protocol === 'https:';
  const port = url.port === '' ? (useSSL ? 443 : 80) : Number(url.port);
  return new Client({ endPoint: url.hostname, port, useSSL, accessKey, secretKey });
}

/** Objects in a bucket of MinIO or any S3. */
export class S3ObjectStore implements ObjectStore {
  private constructor(
    readonly client: Client,
    readonly bucket: string,
    readonly endpoint: string,
  ) {}

  /** Connects and makes the bucket where it is missing. @throws ObjectStoreError when not reachable */
  static async open({ bucket, ...access }: S3Options): Promise<S3ObjectStore> {
    const client = s3Client(access);
    const store = new S3ObjectStore(client, bucket, access.endpoint);
    await store.#attempt(`open bucket ${bucket}`, async () => {
      if (await client.bucketExists(bucket)) return;
      await client.makeBucket(bucket).catch((error: unknown) => {
        // Another service was faster.
        if (codeOf(error) !== 'BucketAlreadyOwnedByYou') throw error;
      });
    });
    return store;
  }

  async put(key: string, body: Uint8Array, options: { readonly ifAbsent?: boolean } = {}): Promise<void> {
    const headers = options.ifAbsent ? { 'If-None-Match': '*' } : {};
    await this.#attempt(`write ${key}`, async () => {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      await this.client.putObject(this.bucket, key, bytes, bytes.length, headers).catch((error: unknown) => {
        if (codeOf(error) === 'PreconditionFailed') throw new ObjectExistsError(`${key} exists already`);
        throw error;
      });
    });
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#attempt(`read ${key}`, async () => {
      try {
        return await buffer(await this.client.getObject(this.bucket, key));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'NoSuchKey' || code === 'NotFound') return undefined;
        throw error;
      }
    });
  }

  async list(prefix: string): Promise<string[]> {
    return this.#attempt(`list ${prefix}`, async () => {
      const keys: string[] = [];
      for await (const item of this.client.listObjectsV2(this.bucket, prefix, true)) {
        keys.push(z.object({ name: z.string() }).parse(item).name);
      }
      return keys.sort();
    });
  }

  async delete(key: string): Promise<void> {
    await this.#attempt(`delete ${key}`, () => this.client.removeObject(this.bucket, key));
  }

  async deleteAll(prefix: string): Promise<void> {
    for (const key of await this.list(prefix)) await this.delete(key);
  }

  async #attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof ObjectExistsError) throw error;
      throw new ObjectStoreError(`S3 at ${this.endpoint}: cannot ${what}: ${messageOf(error)}`, { cause: error });
    }
  }
}
