import path from 'node:path';
import { sha256 } from '@mcld/datasets/readers/files.js';
import { type Config, s3Access } from '@mcld/platform/config.js';
import { fetchS3Folder } from '@mcld/platform/storage/s3-folder.js';
import type { DataPlaces } from './dataset-cache.js';

/** Where data sets are kept besides their own folders: decoded copies, and shards fetched from an S3 store. */
export function dataPlaces(config: Config): DataPlaces {
  const access = s3Access(config);
  const cache = config.MCLD_CACHE_DIR;
  return {
    ...(config.MCLD_DECODED_COPIES && { copies: path.join(cache, 'decoded') }),
    ...(access && {
      async fetchShards(address: string) {
        const folder = path.join(cache, 'shards', sha256(`${access.endpoint} ${address}`));
        await fetchS3Folder(access, address, (name) => /\.tar$/i.test(name) || name === 'classes.txt', folder);
        return folder;
      },
    }),
  };
}
