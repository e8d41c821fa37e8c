import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, readlink, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeOutput } from './output-file.js';

const scratch = () => mkdtemp(path.join(tmpdir(), 'mcld-output-'));

describe('a file that a user asked for', () => {
  it('keeps its permissions when it is replaced', async () => {
    const file = path.join(await scratch(), 'report.html');
    await writeOutput(file, 'first');
    await chmod(file, 0o640);
    await writeOutput(file, Buffer.from('second'));
    expect(await readFile(file, 'utf8')).toBe('second');
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('is written where a link leads, which stays a link', async () => {
    const folder = await scratch();
    const [target, link] = [path.join(folder, 'target'), path.join(folder, 'link')];
    await writeOutput(target, 'first');
    await symlink(target, link);
    await writeOutput(link, 'second');
    expect(await readlink(link)).toBe(target);
    expect(await readFile(target, 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['link', 'target']);
  });

  it('may be what is not a file', () => {
    const module = JSON.stringify(new URL('./output-file.js', import.meta.url).href);
    const child = `import { writeOutput } from ${module}; await writeOutput('/dev/stdout', 'hello');`;
    // Through a pipe of the shell's: what Node gives a child is a socket, which has no name to open.
    const piped = ['-c', '"$0" --input-type=module -e "$1" | cat', process.execPath, child];
    const { stdout } = spawnSync('bash', piped, { encoding: 'utf8' });
    expect(stdout).toBe('hello');
  });

  it('is not there when its disk is full', async () => {
    await expect(writeOutput('/dev/full', 'x')).rejects.toThrow('ENOSPC');
  });
});
