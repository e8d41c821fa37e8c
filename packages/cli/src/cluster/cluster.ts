import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from '@mcld/platform/documents.js';
import { z } from 'zod';
import { addressSetting, type ServiceName, serviceNames } from '../services.js';
import { Child } from './child.js';
import { freePort, type ServerPrograms, serverPrograms } from './servers.js';

export interface ClusterOptions {
  /** Folder for everything: data of the servers, logs. */
  readonly folder: string;
  /** What relative data set roots count from. */
  readonly dataDir: string;
  /** Settings of all services besides. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a service prints once it listens. */
const firstLineSchema = z.object({ address: z.string() });

/** nats-server, an S3 server and the five services as processes of their own, on loopback. */
export class Cluster {
  readonly children = new Map<string, Child>();
  readonly #addresses = new Map<ServiceName, string>();
  readonly #env: Record<string, string>;

  private constructor(readonly options: ClusterOptions) {
    this.#env = {
      MCLD_HOME: options.folder,
      MCLD_CACHE_DIR: path.join(options.folder, 'cache'),
      MCLD_DATA_DIR: options.dataDir,
      MCLD_DATA_ANYWHERE: 'true',
      ...options.env,
    };
  }

  /** Starts all of it; what was started is stopped again when a part fails. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    await mkdir(options.folder, { recursive: true });
    const programs = await serverPrograms();
    const cluster = new Cluster(options);
    try {
      await cluster.#startNats(programs);
      await cluster.#startS3(programs);
      for (const name of serviceNames) await cluster.startService(name);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Address of the pipeline service. */
  get endpoint(): string {
    return this.#addresses.get('pipeline') ?? '';
  }

  /** The settings that the services run with, addresses among them. */
  get environment(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get #logs(): string {
    return path.join(this.options.folder, 'logs');
  }

  async #startNats({ nats }: ServerPrograms): Promise<void> {
    const port = await freePort();
    const store = path.join(this.options.folder, 'nats');
    const child = Child.start('nats-server', [nats, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store], {
      logs: this.#logs,
    });
    this.children.set('nats-server', child);
    await child.until(() => canConnect(port));
    this.#env.MCLD_NATS_URL = `nats://127.0.0.1:${port}`;
  }

  async #startS3({ s3 }: ServerPrograms): Promise<void> {
    const port = await freePort();
    const store = path.join(this.options.folder, 's3');
    await mkdir(store, { recursive: true });
    const accessKey = 'mcld';
    const secretKey = randomBytes(24).toString('hex');
    const address = `127.0.0.1:${port}`;
    const child =
      s3.kind === 'minio'
        ? Child.start(
            'minio',
            [s3.path, 'server', store, '--address', address, '--console-address', `127.0.0.1:${await freePort()}`],
            {
              logs: this.#logs,
              env: { MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_UPDATE: 'off' },
            },
          )
        : Child.start('seaweedfs', [s3.path, 'mini', '-ip', '127.0.0.1', '-s3.port', String(port), '-dir', store], {
            logs: this.#logs,
            env: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey },
          });
    this.children.set('s3', child);
    await child.until(() => canConnect(port));
    Object.assign(this.#env, {
      MCLD_S3_ENDPOINT: `http://${address}`,
      MCLD_S3_ACCESS_KEY: accessKey,
      MCLD_S3_SECRET_KEY: secretKey,
    });
  }

  /** Starts a service; one that is started again keeps its address. */
  async startService(name: ServiceName): Promise<void> {
    const main = fileURLToPath(new URL('../main.js', import.meta.url));
    const port = this.#addresses.get(name)?.split(':')[1] ?? '0';
    const child = Child.start(name, [process.execPath, main, 'serve', name], {
      logs: this.#logs,
      env: { ...this.#env, MCLD_PORT: port },
      captureOutput: true,
    });
    this.children.set(name, child);
    const { address } = parseDocument(`the first line of ${name}`, await child.firstLine, firstLineSchema);
    this.#addresses.set(name, address);
    const setting = addressSetting[name];
    if (setting) this.#env[setting] = address;
  }

  /** Stops the services in order, then the servers. */
  async stop(): Promise<void> {
    for (const name of [...this.children.keys()].reverse()) await this.children.get(name)?.stop();
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
