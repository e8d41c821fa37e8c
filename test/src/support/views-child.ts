/** Prints the digest of each batch of a sequence of specifications, computed in this process alone, last one first. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { startDataLoader } from '@mcld/data-loader/main.js';
import { openAdapters } from '@mcld/platform/adapters.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { createLogger } from '@mcld/platform/logging.js';
import { parseRecipe } from '@mcld/recipe/parse.js';

interface Job {
  readonly spec: BatchSpec;
  readonly epoch: number;
  readonly step: number;
}

const jobs = JSON.parse(readFileSync(0, 'utf8')) as Job[];
const config = readConfig({ ...process.env, MCLD_DATA_ANYWHERE: 'true' });
const logger = createLogger('views-child', 'silent');
const loader = await startDataLoader({ config, logger, adapters: await openAdapters(config, logger, parseRecipe) });
const { client, close } = openClient(DataLoaderServiceDefinition, loader.address, config);
const digests: string[] = [];
for (const { spec, epoch, step } of jobs.reverse()) {
  const hash = createHash('sha256');
  for await (const message of client.streamBatches({ spec, from: { epoch, step }, epochs: epoch + 1 })) {
    if (message.cursor?.step !== step) break;
    hash.update(message.pixels).update(JSON.stringify([message.labels, message.views]));
  }
  digests.push(hash.digest('hex'));
}
close();
await loader.drain();
process.stdout.write(JSON.stringify(digests.reverse()));
