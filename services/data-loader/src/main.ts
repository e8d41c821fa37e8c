import path from 'node:path';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { FingerprintMemory } from '@mcld/datasets/fingerprint.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { DatasetShelf } from './dataset-shelf.js';
import { dataLoaderDefinition, dataLoaderService } from './service.js';
import { ViewRenderer } from './view-renderer.js';

export async function startDataLoader({ config, logger, listen }: ServiceHost): Promise<RunningService> {
  const memory = new FingerprintMemory(path.join(config.MCLD_CACHE_DIR, 'fingerprints'));
  const copies = config.MCLD_DECODED_COPIES ? path.join(config.MCLD_CACHE_DIR, 'decoded') : undefined;
  const shelf = new DatasetShelf(config.MCLD_DATA_DIR, config.MCLD_DATA_ANYWHERE, memory, logger, copies);
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
