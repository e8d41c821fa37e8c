import {
  type Channel,
  type Client,
  type ClientFactory,
  type CompatServiceDefinition,
  createChannel,
  createClientFactory,
} from 'nice-grpc';
import { type DeadlineOptions, deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { openTelemetryClientMiddleware } from 'nice-grpc-opentelemetry';
import type { Config } from '../config.js';
import { remoteErrorMiddleware } from './remote-error.js';
import { channelCredentials, tokenClientMiddleware } from './security.js';

const channelOptions = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // HTTP/2 begins with 64 KiB: a batch would wait for the other side three times.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A server that restarts is back within seconds.
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.lb_policy_name': 'round_robin',
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};

export type Security = Pick<Config, 'MCLD_TOKEN' | 'MCLD_TLS_CERT' | 'MCLD_TLS_KEY' | 'MCLD_TLS_CA'>;

/** A client with the options of its calls, and what closes its channel. */
export interface OpenClient<D extends CompatServiceDefinition> {
  readonly client: Client<D, DeadlineOptions>;
  close(): void;
}

/** @param address `host:port`, `dns:///name:port` (all its addresses in turn) or `unix:///path` */
export function openClient<D extends CompatServiceDefinition>(
  definition: D,
  address: string,
  security: Security,
): OpenClient<D> {
  // A socket here lies in a folder that only its user may enter: see startServer.
  const credentials = channelCredentials(address.startsWith('unix:') ? {} : security);
  const channel: Channel = createChannel(address, credentials, channelOptions);
  const open: ClientFactory<DeadlineOptions> = createClientFactory()
    .use(openTelemetryClientMiddleware())
    .use(deadlineMiddleware)
    .use(errorDetailsClientMiddleware)
    .use(remoteErrorMiddleware);
  const factory = security.MCLD_TOKEN ? open.use(tokenClientMiddleware(security.MCLD_TOKEN)) : open;
  return { client: factory.create(definition, channel), close: () => channel.close() };
}
