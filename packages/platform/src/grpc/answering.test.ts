import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config.js';
import { createLogger } from '../logging.js';
import { answerOf } from './answering.js';
import { startServer } from './server.js';

const folder = await mkdtemp(path.join(tmpdir(), 'mcld-answering-'));

describe('answerOf', () => {
  it('tells a server from one that was stopped, and from none', async () => {
    const server = await startServer({
      config: readConfig({}),
      logger: createLogger('test', 'silent'),
      listen: `unix://${folder}/server.sock`,
      serviceNames: [],
      add: () => {},
    });
    expect(await answerOf(server.address, 5000)).toBe('answers');
    await server.close();
    expect(await answerOf(server.address, 5000)).toBe('absent');
    expect(await answerOf(`unix://${folder}/nobody.sock`, 5000)).toBe('absent');

    // As the kernel does for a process that was stopped: it takes connections, and that is all.
    const stopped = createServer().listen(`${folder}/stopped.sock`);
    await new Promise((resolve) => stopped.once('listening', resolve));
    expect(await answerOf(`unix://${folder}/stopped.sock`, 200)).toBe('silent');
    stopped.close();
  });
});
