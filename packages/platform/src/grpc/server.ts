import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { createServer, type Server } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { openTelemetryServerMiddleware } from 'nice-grpc-opentelemetry';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import type { Config } from '../config.js';
import type { Logger } from '../logging.js';
import { errorMiddleware } from './error-middleware.js';
import { serverCredentials, type TlsConfig, tokenServerMiddleware } from './security.js';

/** Options that bound what a peer can make a server hold. */
const serverOptions = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_send_message_length': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 256,
};

/** How long running calls may take to end once a server drains. */
const DRAIN_MS = 10_000;

export interface RunningServer {
  /** What clients connect to: `host:port` or `unix:///path`. */
  readonly address: string;
  /** Refuses new calls, lets running ones end, then cancels what is left. */
  close(): Promise<void>;
}

/** Thrown when a server cannot listen. */
export class ListenError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'CANNOT_LISTEN' } as const;
}

export interface ServerParts {
  readonly config: Config;
  readonly logger: Logger;
  /**
   * Instead of MCLD_HOST and MCLD_PORT: `unix:///path`, in a folder that only its user may enter. Who can connect there
   * is that user, so neither token nor TLS is asked for.
   */
  readonly listen?: string;
  /** Full names of the services, for reflection. */
  readonly serviceNames: readonly string[];
  add(server: Server): void;
}

/** Starts a gRPC server with health, reflection, tracing, error details and, when set, token and TLS. */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const { config, logger, serviceNames } = parts;
  const open = createServer(serverOptions).use(openTelemetryServerMiddleware()).use(errorDetailsServerMiddleware);
  const guarded = config.MCLD_TOKEN && !parts.listen ? open.use(tokenServerMiddleware(config.MCLD_TOKEN)) : open;
  const server = guarded.use(errorMiddleware(logger));

  const health = HealthState();
  for (const name of serviceNames) health.setStatus('healthy', name);
  server.add(HealthDefinition, HealthServiceImpl(health));
  const descriptors = readFileSync(fileURLToPath(import.meta.resolve('@mcld/contracts/descriptors.binpb')));
  server.add(ServerReflectionService, ServerReflection(descriptors, [...serviceNames]));
  parts.add(server);

  const target = parts.listen ?? `${config.MCLD_HOST}:${config.MCLD_PORT}`;
  const port = await listen(server, target, parts.listen ? {} : config);
  const address = parts.listen ?? `${config.MCLD_HOST}:${port}`;
  logger.info({ address, services: serviceNames }, 'listening');
  return {
    address,
    close: async () => {
      health.setStatus('unhealthy');
      for (const name of serviceNames) health.setStatus('unhealthy', name);
      const timer = setTimeout(() => server.forceShutdown(), DRAIN_MS);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}

async function listen(server: Server, target: string, tls: TlsConfig): Promise<number> {
  try {
    return await server.listen(target, serverCredentials(tls));
  } catch (error) {
    const message = messageOf(error);
    const taken = message.includes('EADDRINUSE');
    throw new ListenError(
      taken
        ? `${target} is taken by another program; choose another with MCLD_PORT (0 takes a free one)`
        : `cannot listen on ${target}: ${message}`,
      { cause: error },
    );
  }
}
