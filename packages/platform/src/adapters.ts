import path from 'node:path';
import type { EventBus, WorkQueue } from './bus/events.js';
import { LocalBus } from './bus/local-bus.js';
import { NatsBus } from './bus/nats-bus.js';
import { connectNats } from './bus/nats-connection.js';
import { type Config, s3Access } from './config.js';
import type { Logger } from './logging.js';
import { FileRunStore } from './runs/file-run-store.js';
import { NatsRunStore } from './runs/nats-run-store.js';
import type { ParseRecipe } from './runs/run-record.js';
import type { RunStore } from './runs/run-store.js';
import { FileObjectStore } from './storage/file-object-store.js';
import type { ObjectStore } from './storage/object-store.js';
import { S3ObjectStore } from './storage/s3-object-store.js';

/** The three things in which the embedded and the clustered pipeline differ. `R` is a run's recipe. */
export interface Adapters<R = unknown> {
  readonly objects: ObjectStore;
  readonly events: EventBus;
  readonly work: WorkQueue;
  readonly runs: RunStore<R>;
  close(): Promise<void>;
}

/**
 * Opens what the settings name.
 * @param parseRecipe reads the recipe of each run's record
 * @param logger receives what cannot be read and is passed over
 * @throws BusError, ObjectStoreError when it cannot be reached
 */
export async function openAdapters<R>(
  config: Config,
  logger: Logger,
  parseRecipe: ParseRecipe<R>,
): Promise<Adapters<R>> {
  const objects = await openObjectStore(config);
  if (!config.MCLD_NATS_URL) {
    const bus = new LocalBus();
    const runs = new FileRunStore(path.join(config.MCLD_HOME, 'records'), parseRecipe);
    return { objects, events: bus, work: bus, runs, close: async () => {} };
  }
  const connection = await connectNats(config.MCLD_NATS_URL, logger);
  const bus = new NatsBus(connection, logger);
  const runs = await NatsRunStore.open(connection, parseRecipe);
  return { objects, events: bus, work: bus, runs, close: () => connection.drain() };
}

/** @throws ObjectStoreError when it cannot be reached */
export async function openObjectStore(config: Config): Promise<ObjectStore> {
  const access = s3Access(config);
  if (!access) return new FileObjectStore(path.join(config.MCLD_HOME, 'store'));
  return S3ObjectStore.open({ ...access, bucket: config.MCLD_S3_BUCKET });
}
