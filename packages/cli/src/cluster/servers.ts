import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { CliError } from '../exit.js';

export interface ServerPrograms {
  readonly nats: string;
  readonly s3: { readonly kind: 'minio' | 'seaweedfs'; readonly path: string };
}

/** Finds nats-server and an S3 server in the user's cache, fetching them where they are missing. */
export function serverPrograms(): ServerPrograms {
  const script = fileURLToPath(new URL('../../../../scripts/dev-servers.mjs', import.meta.url));
  const result = spawnSync(process.execPath, [script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (result.status !== 0) throw new CliError('nats-server and an S3 server could not be put in place');
  return JSON.parse(result.stdout) as ServerPrograms;
}

/** A port on loopback that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
