import path from 'node:path';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { keepMemory } from '@mcld/native/memory.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { grpcService, startService } from '@mcld/platform/service-main.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { dataPlaces } from './data-places.js';
import { DatasetCache } from './dataset-cache.js';
import { dataLoaderDefinition, dataLoaderService } from './service.js';
import { ViewRenderer } from './view-renderer.js';

export const startDataLoader = (host: ServiceHost): Promise<RunningService> =>
  startService(host, ({ config, logger }) => {
    keepMemory();
    const memory = new FingerprintMemory(path.join(config.MCLD_CACHE_DIR, 'fingerprints'));
    const { MCLD_DATA_DIR: root, MCLD_DATA_ANYWHERE: anywhere } = config;
    const waits = new WaitWatch({ afterMs: config.MCLD_WAIT_SECONDS * 1000, logger });
    const datasets = new DatasetCache(root, anywhere, memory, logger, dataPlaces(config), waits);
    const renderer = new ViewRenderer(config.MCLD_VIEW_WINDOW_MB * 2 ** 20);
    return { serves: [grpcService(dataLoaderDefinition, dataLoaderService(datasets, renderer))] };
  });
