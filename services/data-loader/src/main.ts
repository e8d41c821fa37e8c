import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { DatasetShelf } from './dataset-shelf.js';
import { dataLoaderService } from './service.js';

export async function startDataLoader({ config, logger, listen }: ServiceHost): Promise<RunningService> {
  const shelf = new DatasetShelf(config.MCLD_DATA_DIR, config.MCLD_DATA_ANYWHERE);
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [DataLoaderServiceDefinition.fullName],
    add: (grpc) => grpc.add(DataLoaderServiceDefinition, dataLoaderService(shelf)),
  });
  return { address: server.address, drain: server.close };
}
