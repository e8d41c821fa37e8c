import { messageOf } from '@mcld/errors/text.js';

import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Logger } from '../logging.js';
import { BusError } from './events.js';

export const EVENTS_STREAM = 'MCLD_EVENTS';
export const WORK_STREAM = 'MCLD_WORK';

/** A service that is silent for this long has lost its work. */
export const ACK_WAIT_MS = 30_000;

/** Connects and makes the streams where they are missing. @throws BusError when not reachable */
export async function connectNats(url: string, logger: Logger): Promise<NatsConnection> {
  try {
    const connection = await connect({ servers: url, maxReconnectAttempts: -1, timeout: 5000, name: 'mcld' });
    await makeStreams(connection);
    void logStatus(connection, logger);
    return connection;
  } catch (error) {
    throw new BusError(`NATS at ${url}: ${messageOf(error)}; is a nats-server with JetStream running there?`, {
      cause: error,
    });
  }
}

/** A lost connection is made again for as long as it takes, which is logged. */
async function logStatus(connection: NatsConnection, logger: Logger): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') logger.warn({ server: status.server }, 'NATS is out of reach: connecting again');
    else if (status.type === 'reconnect') logger.info({ server: status.server }, 'NATS is back');
  }
}

async function makeStreams(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: EVENTS_STREAM,
    subjects: ['mcld.events.*.*'],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_age: nanos(30 * 24 * 3600 * 1000),
    max_bytes: 256 * 1024 * 1024,
    max_msgs_per_subject: 2000,
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(10 * 60 * 1000),
  });
  await manager.streams.add({
    name: WORK_STREAM,
    subjects: ['mcld.work.*'],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    max_bytes: 16 * 1024 * 1024,
    discard: DiscardPolicy.New,
    duplicate_window: nanos(10 * 60 * 1000),
  });
}

/** A consumer that all who ask for the same name share. */
export async function sharedConsumer(
  connection: NatsConnection,
  stream: string,
  name: string,
  filter: string,
  maxPending: number,
) {
  const manager = await jetstreamManager(connection);
  await manager.consumers.add(stream, {
    durable_name: name,
    filter_subject: filter,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: maxPending,
    max_deliver: -1,
  });
  return jetstream(connection).consumers.get(stream, name);
}
