import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { fetchDataset } from './fetch.js';

const scratch = () => mkdtemp(path.join(tmpdir(), 'mcld-data-'));

describe('fetching', () => {
  async function archiveOf(folder: string): Promise<Buffer> {
    const root = await scratch();
    await mkdir(path.join(root, folder));
    await writeFile(path.join(root, folder, 'a.bin'), Buffer.alloc(300_000, 7));
    await create({ gzip: { level: 0 }, file: path.join(root, 'x.tar.gz'), cwd: root, portable: true }, [folder]);
    return readFile(path.join(root, 'x.tar.gz'));
  }

  it('goes on where it broke off, verifies and unpacks; and tells of a wrong digest', async () => {
    const archive = await archiveOf('things');
    const ranges: (string | undefined)[] = [];
    let cut = true;
    const server = createServer((request, response) => {
      const range = request.headers.range;
      ranges.push(range);
      const from = Number(/\d+/.exec(range ?? '0')?.[0]);
      const body = archive.subarray(from);
      response.writeHead(range ? 206 : 200, { 'content-length': body.length });
      if (cut) {
        cut = false;
        response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      } else response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const into = await scratch();
      const source = {
        url: `http://127.0.0.1:${port}/things.tar.gz`,
        md5: createHash('md5').update(archive).digest('hex'),
        archive: 'tar.gz',
        folder: 'things',
      } as const;
      await expect(fetchDataset(source, into, () => {})).rejects.toThrow('the same command goes on from there');
      const folder = await fetchDataset(source, into, () => {});
      expect((await readFile(path.join(folder, 'a.bin'))).length).toBe(300_000);
      expect(ranges[0]).toBeUndefined();
      expect(ranges[1]).toMatch(/^bytes=[1-9]/);
      await expect(fetchDataset({ ...source, md5: '0'.repeat(32), folder: 'other' }, into, () => {})).rejects.toThrow(
        'expected 0000',
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('is refused while another fetches the same, whose download is not touched', async () => {
    const archive = await archiveOf('things');
    const waiting: (() => void)[] = [];
    let onRequest = () => {};
    const requested = new Promise<void>((resolve) => {
      onRequest = resolve;
    });
    const server = createServer((_request, response) => {
      waiting.push(() => response.end(archive));
      onRequest();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const source = {
      url: `http://127.0.0.1:${port}/things.tar.gz`,
      md5: createHash('md5').update(archive).digest('hex'),
      archive: 'tar.gz',
      folder: 'things',
    } as const;
    try {
      const into = await scratch();
      const first = fetchDataset(source, into, () => {});
      await requested;
      await expect(fetchDataset(source, into, () => {})).rejects.toThrow('another process is fetching');
      for (const answer of waiting) answer();
      expect((await readFile(path.join(await first, 'a.bin'))).length).toBe(300_000);
      expect(await fetchDataset(source, into, () => {})).toBe(await first);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('says plainly that there is no network', async () => {
    const source = { url: 'http://127.0.0.1:9/x.tar.gz', md5: '', archive: 'tar.gz', folder: 'x' } as const;
    await expect(fetchDataset(source, await scratch(), () => {})).rejects.toThrow(
      /cannot reach 127\.0\.0\.1:9 .*without a network/,
    );
  });
});
