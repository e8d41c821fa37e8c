import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseDocument } from '@mcld/platform/documents.js';
import { z } from 'zod';
import { CliError } from '../exit.js';

const programsSchema = z.object({
  nats: z.string(),
  s3: z.object({ kind: z.enum(['minio', 'seaweedfs']), path: z.string() }),
});

/** Where the servers' programs lie. */
export type ServerPrograms = Readonly<z.output<typeof programsSchema>>;

/** Finds nats-server and an S3 server in the user's cache, fetching them where they are missing (minutes). */
export function serverPrograms(): Promise<ServerPrograms> {
  const script = fileURLToPath(new URL('../../../../scripts/dev-servers.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(parseDocument(`the answer of ${script}`, output, programsSchema));
      else reject(new CliError('nats-server and an S3 server could not be put in place'));
    });
  });
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
