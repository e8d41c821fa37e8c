import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { isPart, writeWhole } from './atomic-file.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mcld-files-'));
  file = path.join(folder, 'a');
});

describe('a file that is written whole', () => {
  it('comes from bytes, text, a generator or a stream, and replaces what was there', async () => {
    async function* pieces() {
      yield Buffer.from('in ');
      yield Buffer.from('pieces');
    }
    for (const [body, text] of [
      [Buffer.from('bytes'), 'bytes'],
      ['text', 'text'],
      [pieces(), 'in pieces'],
      [Readable.from([Buffer.from('stream')]), 'stream'],
    ] as const) {
      await writeWhole(file, body);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('is one writer’s or the other’s when two write it at once, and both succeed', async () => {
    const bodies = ['x', 'y'].map((letter) => letter.repeat(300_000));
    async function* slowly(text: string) {
      for (let at = 0; at < text.length; at += 50_000) {
        await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from(text.slice(at, at + 50_000));
      }
    }
    for (let round = 0; round < 5; round++) {
      await Promise.all(bodies.map((body) => writeWhole(file, slowly(body))));
      expect(bodies).toContain(await readFile(file, 'utf8'));
      expect(await readdir(folder)).toEqual(['a']);
    }
  });

  it('has one winner when two would write it only where it is absent', async () => {
    const outcomes = await Promise.allSettled(
      ['x', 'y'].map((letter) => writeWhole(file, letter.repeat(100_000), { ifAbsent: true })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'EEXIST' } });
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('stays as it was when its writer fails halfway, and nothing else is left', async () => {
    async function* broken() {
      yield Buffer.alloc(100_000);
      throw new Error('the source broke off');
    }
    await writeWhole(file, 'before');
    await expect(writeWhole(file, broken())).rejects.toThrow('the source broke off');
    expect(await readFile(file, 'utf8')).toBe('before');
    await expect(writeWhole(path.join(folder, 'b'), broken())).rejects.toThrow('the source broke off');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('is not there when the disk takes only a part of it', async () => {
    // A limit of 4 KiB on the size of files: the kernel writes so much, then says EFBIG as it says ENOSPC on a full
    // disk.
    const child = `
      import { writeWhole } from ${JSON.stringify(new URL('./atomic-file.js', import.meta.url).href)};
      process.on('SIGXFSZ', () => {});
      const error = await writeWhole(${JSON.stringify(file)}, Buffer.alloc(10_000, 1)).catch((error) => error);
      process.stdout.write(String(error?.code));`;
    const limited = ['-c', 'ulimit -f 4; exec "$0" --input-type=module -e "$1"', process.execPath, child];
    expect(spawnSync('bash', limited, { encoding: 'utf8' }).stdout).toBe('EFBIG');
    expect(await readdir(folder)).toEqual([]);
  });

  it('makes its folder, and has the permissions that are asked for', async () => {
    const deep = path.join(folder, 'b/c/d');
    await writeWhole(deep, 'x', { mode: 0o600 });
    expect((await stat(deep)).mode & 0o777).toBe(0o600);
  });

  it('has another name while it is written, which is told from its own', async () => {
    let names: string[] = [];
    async function* looking() {
      names = await readdir(folder);
      yield Buffer.from('x');
    }
    await writeWhole(file, looking());
    expect(names.map(isPart)).toEqual([true]);
    expect(isPart('a')).toBe(false);
  });

  it('is not written where a file stands in the place of its folder', async () => {
    await writeFile(file, 'x');
    await expect(writeWhole(path.join(file, 'b'), 'y')).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
