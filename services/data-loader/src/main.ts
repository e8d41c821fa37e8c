import path from 'node:path';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { sha256 } from '@mcld/datasets/readers/files.js';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { keepMemory } from '@mcld/native/memory.js';
import type { Config } from '@mcld/platform/config.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { fetchS3Folder } from '@mcld/platform/storage/s3-folder.js';
import { type DataPlaces, DatasetShelf } from './dataset-shelf.js';
import { dataLoaderDefinition, dataLoaderService } from './service.js';
import { ViewRenderer } from './view-renderer.js';

export async function startDataLoader({ config, logger, listen }: ServiceHost): Promise<RunningService> {
  keepMemory();
  const memory = new FingerprintMemory(path.join(config.MCLD_CACHE_DIR, 'fingerprints'));
  const shelf = new DatasetShelf(config.MCLD_DATA_DIR, config.MCLD_DATA_ANYWHERE, memory, logger, placesOf(config));
  const renderer = new ViewRenderer(config.MCLD_VIEW_WINDOW_MB * 2 ** 20);
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [DataLoaderServiceDefinition.fullName],
    add: (grpc) => grpc.add(dataLoaderDefinition, dataLoaderService(shelf, renderer)),
  });
  return { address: server.address, drain: server.close };
}

function placesOf(config: Config): DataPlaces {
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
