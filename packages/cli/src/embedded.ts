import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAdapters } from '@mcld/platform/adapters.js';
import { readConfig } from '@mcld/platform/config.js';
import { createLogger } from '@mcld/platform/logging.js';
import { ownHome } from '@mcld/platform/runs/ownership.js';
import type { RunningService } from '@mcld/platform/service-host.js';
import { startTelemetry } from '@mcld/platform/telemetry.js';
import { addressSetting, serviceNames, services } from './services.js';

export interface EmbeddedPipeline {
  /** The pipeline service's address. */
  readonly endpoint: string;
  readonly home: string;
  /** Where each service listens. */
  readonly addresses: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Folder for runs, checkpoints, logits and logs; MCLD_HOME where absent. */
  readonly home?: string;
  /** Settings that go before the environment's and these options'. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Also listen on TCP, `host:port`, for the pipeline service. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** Hosts the five services in this process; they talk gRPC over Unix sockets. */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedPipeline> {
  const sockets = await mkdtemp(path.join(tmpdir(), 'mcld-'));
  const addressOf = (name: string) => `unix://${path.join(sockets, `${name}.sock`)}`;
  const addresses = Object.entries(addressSetting).map(([name, setting]) => [setting, addressOf(name)]);
  const config = readConfig({
    ...process.env,
    ...(options.home && { MCLD_HOME: path.resolve(options.home) }),
    ...Object.fromEntries(addresses),
    // A recipe here is the user's own: it may name any folder of theirs.
    MCLD_DATA_ANYWHERE: 'true',
    MCLD_TEACHER_ENDPOINTS: process.env.MCLD_TEACHER_ENDPOINTS ?? '*',
    MCLD_DISTILLER_DIR: process.env.MCLD_DISTILLER_DIR ?? process.cwd(),
    MCLD_NATS_URL: undefined,
    MCLD_S3_ENDPOINT: undefined,
    ...(options.listen && { MCLD_HOST: options.listen.host, MCLD_PORT: String(options.listen.port) }),
    ...options.settings,
  });
  const closers: (() => Promise<void>)[] = [() => rm(sockets, { recursive: true, force: true })];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    closers.push(await ownHome(config.MCLD_HOME));
    const logs = path.join(config.MCLD_HOME, 'logs');
    const logFile = path.join(logs, 'mcld.log');
    process.env.MCLD_TENSORFLOW_LOG ??= path.join(logs, 'tensorflow.log');
    const logger = createLogger('mcld', config.MCLD_LOG_LEVEL, logFile);
    closers.push(await startTelemetry('mcld'));
    const adapters = await openAdapters(config);
    closers.push(() => adapters.close());
    const found: Record<string, string> = {};
    for (const name of serviceNames) {
      const overTcp = name === 'pipeline' && options.listen;
      const service: RunningService = await services[name]({
        config,
        logger: logger.child({ part: name }),
        adapters,
        ...(!overTcp && { listen: addressOf(name) }),
      });
      closers.push(() => service.drain());
      found[name] = service.address;
    }
    return { endpoint: found.pipeline as string, home: config.MCLD_HOME, addresses: found, close };
  } catch (error) {
    await close();
    throw error;
  }
}
