import type { Server, ServiceImplementation, TsProtoServiceDefinition } from 'nice-grpc';
import { startServer } from './grpc/server.js';
import type { RunningService, ServiceHost } from './service-host.js';
import { ServiceScope } from './service-scope.js';
import { serveWork, type Work } from './work/serve-work.js';

/** A gRPC service and what answers its calls. */
export interface GrpcService {
  /** Full name, for health checks and reflection. */
  readonly name: string;
  add(server: Server): void;
}

/** What answers the calls of a service whose definition is not quite the generated one; see `largeBytes`. */
export type GrpcHandlers<D extends TsProtoServiceDefinition> = ServiceImplementation<D>;

export const grpcService = <D extends TsProtoServiceDefinition>(
  definition: D,
  handlers: GrpcHandlers<D>,
): GrpcService => ({
  name: definition.fullName,
  add: (server) => server.add(definition, handlers),
});

/** What a service does once it has opened what it needs. */
export interface ServiceDescription<T> {
  readonly serves: readonly GrpcService[];
  /** Each is worked on by a loop of its own. */
  readonly works?: readonly Work<T>[];
}

/**
 * Starts a service: `describe` opens what it needs through its scope, then the server listens, then work is taken.
 * Draining goes the other way: no more work is taken and the current step is finished or checkpointed; streams are
 * told to end and the server closes; then what the scope opened closes, the newest first. A start that fails closes
 * what was opened until then.
 * @throws ListenError, and whatever `describe` throws
 */
export async function startService<R, T = never>(
  host: ServiceHost<R>,
  describe: (scope: ServiceScope<R>) => ServiceDescription<T> | Promise<ServiceDescription<T>>,
): Promise<RunningService> {
  const scope = new ServiceScope(host);
  try {
    return await started(host, scope, await describe(scope));
  } catch (error) {
    await scope.close();
    throw error;
  }
}

async function started<R, T>(
  { config, logger, listen, alsoTcp }: ServiceHost<R>,
  scope: ServiceScope<R>,
  { serves, works = [] }: ServiceDescription<T>,
): Promise<RunningService> {
  const parts = {
    config,
    logger,
    serviceNames: serves.map(({ name }) => name),
    add: (server: Server) => {
      for (const service of serves) service.add(server);
    },
  };
  // First the port, which may be taken.
  const tcp = alsoTcp ? await startServer(parts) : undefined;
  if (tcp) scope.own(tcp);
  const server = scope.own(await startServer({ ...parts, ...(listen && { listen }) }));
  const loops = works.map((work) => serveWork(work, logger));
  return {
    address: server.address,
    ...(tcp && { endpoint: tcp.address }),
    drain: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
      await scope.close();
    },
  };
}
