import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAdapters } from '@mcld/platform/adapters.js';
import { type Config, readConfig } from '@mcld/platform/config.js';
import { createLogger } from '@mcld/platform/logging.js';
import { holdHome } from '@mcld/platform/runs/ownership.js';
import { startTelemetry } from '@mcld/platform/telemetry.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { addressSetting, byService, type ServiceName, serviceNames, services } from './services.js';

export interface EmbeddedPipeline {
  /** The pipeline service's address: on TCP where it was asked to listen there. */
  readonly endpoint: string;
  readonly home: string;
  /** Sockets of the services. */
  readonly addresses: Readonly<Record<ServiceName, string>>;
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Folder for runs, checkpoints, logits and logs; MCLD_HOME where absent. */
  readonly home?: string;
  /** Settings that go before the environment's and these options'. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Also listen on TCP, `host:port`, for the pipeline service. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Ends soon: other commands are not told where it answers, and wait for its end. */
  readonly brief?: boolean;
}

type Closers = (() => Promise<void>)[];

/** The folder that runs are kept in. */
export const homeFolder = (home: string | undefined): string => path.resolve(home ?? readConfig().MCLD_HOME);

/**
 * Hosts the five services in this process; they talk gRPC over Unix sockets. Other commands find them by the home.
 * @throws HomeInUseError, HomeError
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedPipeline> {
  const home = homeFolder(options.home);
  const lock = await holdHome(home);
  const closers: Closers = [lock.release];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const sockets = await socketFolder();
    closers.push(() => rm(sockets, { recursive: true, force: true }));
    const addresses = byService((name) => `unix://${path.join(sockets, `${name}.sock`)}`);
    const tcp = await startServices(embeddedConfig(home, addresses, options), addresses, options, closers);
    const { pipeline, 'teacher-inference': teacher } = addresses;
    if (!options.brief) await lock.tell({ pipeline, teacher, ...(tcp && { endpoint: tcp }) });
    // Runs first: commands that look from now on wait for the end. A courtesy only; one that connects anyway gets no
    // answer.
    closers.push(() => lock.tell().catch(() => {}));
    return { endpoint: tcp ?? pipeline, home, addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A folder that only this user may enter, with a short path: that of a socket ends at 107 bytes. */
function socketFolder(): Promise<string> {
  const folder = Buffer.byteLength(tmpdir()) > 60 ? '/tmp' : tmpdir();
  return mkdtemp(path.join(folder, 'mcld-'));
}

function embeddedConfig(
  home: string,
  addresses: Readonly<Record<ServiceName, string>>,
  { listen, settings }: EmbeddedOptions,
): Config {
  const named = serviceNames.flatMap((name) => {
    const setting = addressSetting[name];
    return setting ? [[setting, addresses[name]]] : [];
  });
  return readConfig({
    ...process.env,
    MCLD_HOME: home,
    ...Object.fromEntries(named),
    // A recipe here is the user's own: it may name any folder of theirs.
    MCLD_DATA_ANYWHERE: 'true',
    MCLD_TEACHER_ENDPOINTS: process.env.MCLD_TEACHER_ENDPOINTS ?? '*',
    MCLD_DISTILLER_DIR: process.env.MCLD_DISTILLER_DIR ?? process.cwd(),
    MCLD_NATS_URL: undefined,
    MCLD_S3_ENDPOINT: undefined,
    ...(listen && { MCLD_HOST: listen.host, MCLD_PORT: String(listen.port) }),
    ...settings,
  });
}

/** @returns the pipeline's address on TCP, where it was asked to listen there */
async function startServices(
  config: Config,
  addresses: Readonly<Record<ServiceName, string>>,
  { listen }: EmbeddedOptions,
  closers: Closers,
): Promise<string | undefined> {
  const logs = path.join(config.MCLD_HOME, 'logs');
  process.env.MCLD_TENSORFLOW_LOG ??= path.join(logs, 'tensorflow.log');
  const logger = createLogger('mcld', config.MCLD_LOG_LEVEL, path.join(logs, 'mcld.log'));
  closers.push(await startTelemetry('mcld'));
  const adapters = await openAdapters(config, logger, parseRecipe);
  closers.push(() => adapters.close());
  let endpoint: string | undefined;
  for (const name of serviceNames) {
    const alsoTcp = name === 'pipeline' && listen !== undefined;
    const parts = { config, logger: logger.child({ part: name }), adapters, listen: addresses[name], alsoTcp };
    const service = await services[name](parts);
    closers.push(() => service.drain());
    endpoint ??= service.endpoint;
  }
  return endpoint;
}
