import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { HomeError, HomeInUseError, holdHome, ownerOf } from './ownership.js';

let home: string;

beforeEach(async () => {
  home = path.join(await mkdtemp(path.join(tmpdir(), 'mcld-home-')), 'of', 'runs');
});

const serving = { pipeline: 'unix:///a/pipeline.sock', teacher: 'unix:///a/teacher.sock' };

const refusal = (): Promise<unknown> =>
  holdHome(home).then(
    () => undefined,
    (error) => error,
  );

describe('a home folder', () => {
  it('is held by one, who tells the others where it answers, and then is free again', async () => {
    const held = await holdHome(home);
    expect(await refusal()).toBeInstanceOf(HomeInUseError);
    expect(await refusal()).toMatchObject({
      message: `${home} is in use by process ${process.pid}, which is starting or ending; try again soon, or choose another folder`,
    });
    await held.tell(serving);
    expect(await refusal()).toMatchObject({
      message: `${home} is in use by process ${process.pid}; wait for its end, or choose another folder`,
      owner: { pid: process.pid, host: hostname(), serving },
    });
    await held.tell({ ...serving, endpoint: '127.0.0.1:50050' });
    expect(await refusal()).toMatchObject({
      message: `${home} is in use by process ${process.pid}, mcld up at 127.0.0.1:50050; use that endpoint, or choose another folder`,
    });
    await held.release();
    expect(await ownerOf(home)).toBeUndefined();
    await (await holdHome(home)).release();
  });

  it('tells only its own user who works there', async () => {
    const held = await holdHome(home);
    await held.tell(serving);
    for (const name of ['owner.json', 'owner.lock']) {
      expect((await stat(path.join(home, name))).mode & 0o777).toBe(0o600);
    }
    await held.release();
  });

  it('is free when its owner is gone, even if another program has the id that it had', async () => {
    await (await holdHome(home)).release();
    // What a process leaves that was killed; its id is alive, as this test's.
    await writeFile(path.join(home, 'owner.json'), JSON.stringify({ pid: process.pid, host: hostname(), serving }));
    const held = await holdHome(home);
    expect(await ownerOf(home)).toEqual({ pid: process.pid, host: hostname() });
    await held.release();
  });

  it('is free at once when the process that held it was killed', async () => {
    const script = `
      import { holdHome } from '${import.meta.resolve('./ownership.js')}';
      await holdHome(process.argv[1]);
      process.kill(process.pid, 'SIGKILL');`;
    expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', script, home])).toThrow('SIGKILL');
    expect(await readFile(path.join(home, 'owner.json'), 'utf8')).toContain('"pid":');
    await (await holdHome(home)).release();
  });

  it('names the machine of an owner elsewhere, and who is not known', async () => {
    const held = await holdHome(home);
    await writeFile(path.join(home, 'owner.json'), JSON.stringify({ pid: 7, host: 'a-far-machine', serving }));
    expect(await refusal()).toMatchObject({
      message: `${home} is in use by process 7 on a-far-machine; give the command there, or choose another folder`,
    });
    for (const text of ['', '{"pid": 7', '{"pid": "seven"}']) {
      await writeFile(path.join(home, 'owner.json'), text);
      expect(await refusal()).toMatchObject({
        message: `${home} is in use by another process, which is starting or ending; try again soon, or choose another folder`,
      });
    }
    await held.release();
  });

  it('that is none is refused by what is wrong with it', async () => {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'mcld-home-')), 'file');
    await writeFile(file, '');
    await expect(holdHome(path.join(file, 'home'))).rejects.toThrow(
      /^cannot work in .*\/file\/home: ENOTDIR: not a directory.*; choose another folder with --home or MCLD_HOME$/,
    );
    await expect(holdHome(file)).rejects.toBeInstanceOf(HomeError);
  });
});
