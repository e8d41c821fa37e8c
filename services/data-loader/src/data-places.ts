import path from 'node:path';
import { sha256 } from '@mcld/datasets/readers/files.js';
import type { Config } from '@mcld/platform/config.js';
import { fetchS3Folder } from '@mcld/platform/storage/s3-folder.js';
import type { DataPlaces } from './dataset-cache.js';

/** Where data sets are kept besides their own folders: decoded copies, and shards fetched from an S3 store. */
export function dataPlaces(config: Config): DataPlaces {
  const { MCLD_S3_ENDPOINT: endpoint, MCLD_S3_ACCESS_KEY: accessKey, MCLD_S3_SECRET_KEY: secretKey } = config;
  const cache = config.MCLD_CACHE_DIR;
  return {
    ...(config.MCLD_DECODED_COPIES && { copies: path.join(cache, 'decoded') }),
    ...(endpoint && {
      async fetchShards(address: string) {
        const folder = path.join(cache, 'shards', sha256(`${endpoint} ${address}`));
        const access = { endpoint, accessKey: accessKey as string, secretKey: secretKey as string };
        await fetchS3Folder(access, address, (name) => /\.tar$/i.test(name) || name === 'classes.txt', folder);
        return folder;
      },
    }),
  };
}
