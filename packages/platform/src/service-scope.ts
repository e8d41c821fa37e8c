import type { CompatServiceDefinition } from 'nice-grpc';
import type { Adapters } from './adapters.js';
import type { Config } from './config.js';
import { type OpenClient, openClient } from './grpc/client.js';
import type { Logger } from './logging.js';
import type { ServiceHost } from './service-host.js';

/** Something that a service opens, and that must be closed when it ends. */
interface Closable {
  close(): void | Promise<void>;
}

/** What a running service works with, and the owner of all that it opens. `R` is a run's recipe. */
export class ServiceScope<R = unknown> {
  readonly config: Config;
  readonly logger: Logger;
  readonly adapters: Adapters<R>;
  readonly #closing = new AbortController();
  readonly #opened: Closable[] = [];

  constructor({ config, logger, adapters }: ServiceHost<R>) {
    this.config = config;
    this.logger = logger;
    this.adapters = adapters;
  }

  /** Aborted before the server closes: streams that would go on until their clients leave end then. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Closes `resource` when the service ends, before what was opened ahead of it. */
  own<C extends Closable>(resource: C): C {
    this.#opened.push(resource);
    return resource;
  }

  /** A client of another service, closed with this one. @param address as `openClient` */
  client<D extends CompatServiceDefinition>(definition: D, address: string): OpenClient<D>['client'] {
    return this.own(openClient(definition, address, this.config)).client;
  }

  /** Closes all of it, also where a part fails. @throws the first failure */
  async close(): Promise<void> {
    this.#closing.abort();
    const failures: unknown[] = [];
    for (const resource of this.#opened.splice(0).reverse()) {
      try {
        await resource.close();
      } catch (error) {
        this.logger.error({ err: error }, 'cannot close a part of the service');
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
