import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { holdHome, ownerOf } from '@mcld/platform/runs/ownership.js';
import { afterEach, describe, expect, it } from 'vitest';
import { cli, type StartedCli, startCli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { quickRecipe } from './support/runs.js';

const place = usePlace({ train: 320, test: 64 });
let count = 0;
const started: StartedCli[] = [];

afterEach(async () => {
  for (const { process, result } of started.splice(0)) {
    process.kill('SIGKILL');
    await result;
  }
});

const newHome = (): string => place.at(`home-${++count}`);

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCli {
  const command = startCli(args, env);
  started.push(command);
  return command;
}

async function recipeFile(changes: Record<string, unknown> = {}): Promise<string> {
  const file = place.at(`recipe-${++count}.json`);
  await writeFile(file, JSON.stringify(quickRecipe(place.data, { evaluation: { everyEpochs: 0 }, ...changes })));
  return file;
}

/** A run of an hour. */
const long = (name: string) => recipeFile({ name, epochs: 5000 });

interface RunRecord {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly step: number;
  readonly attempt: number;
  readonly recipe: { readonly dataset: { readonly root: string } };
}

async function records(home: string): Promise<RunRecord[]> {
  const folder = path.join(home, 'records');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
  return texts.map((text) => (JSON.parse(text) as { record: RunRecord }).record);
}

/** Waits for a run of that name, until it is as wanted. */
async function recordOf(home: string, name: string, wanted: (record: RunRecord) => boolean): Promise<RunRecord> {
  for (;;) {
    const found = (await records(home)).find((record) => record.name === name && wanted(record));
    if (found) return found;
    await sleep(50);
  }
}

const trains = ({ state, step }: RunRecord): boolean => state === 'training' && step > 0;

/** The whole of what a person reads on standard error. */
const told = async (command: StartedCli | ReturnType<typeof cli>) =>
  (await ('result' in command ? command.result : command)).stderr.trim();

describe('while a run trains', () => {
  it('every other command finds it', async () => {
    const home = newHome();
    const quick = await recipeFile({ name: 'done', epochs: 1 });
    const done = JSON.parse((await cli(['run', '-f', quick, '--home', home, '--json'])).stdout) as { id: string };
    const first = start(['run', '-f', await long('first'), '--home', home]);
    const { id } = await recordOf(home, 'first', trains);
    const { pid } = first.process;

    const listed = await cli(['ls', '--home', home, '--json']);
    expect(listed.stderr).toBe('');
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { id, state: 'training', attempt: 1 },
      { id: done.id, state: 'succeeded' },
    ]);
    const got = await cli(['get', id, '--home', home]);
    expect(got.stdout).toMatch(new RegExp(`^run +${id}\nstate +training\nstep +\\d+ of 25000\nprogress +\\d+ s ago, `));

    const file = place.at('student.safetensors');
    expect(await cli(['export', id, '--home', home, '-o', file])).toEqual({ code: 0, stdout: `${file}\n`, stderr: '' });
    expect(decodeSafetensors(await readFile(file)).metadata).toMatchObject({ model: 'resnet8', classes: '100' });

    const report = await cli(['report', id, '--home', home]);
    expect(report.stderr).toBe(`mcld: run ${id} has no report: it has none before its last evaluation\n`);
    expect(report.code).toBe(3);
    const written = JSON.parse((await cli(['report', done.id, '--home', home, '--json'])).stdout) as { run: string };
    expect(written.run).toBe(done.id);

    expect((await cli(['cache', 'ls', '--home', home, '--json'])).stdout).toBe('[]\n');
    const gone = '0 stores removed, 0.0 MiB; 0.0 MiB are left\n';
    expect(await cli(['cache', 'gc', '--home', home])).toEqual({ code: 0, stdout: gone, stderr: '' });
    const held = `mcld: ${home} is in use by process ${pid}; wait for its end, or choose another folder\n`;
    expect(await cli(['up', '--home', home, '--port', '0'])).toEqual({ code: 2, stdout: '', stderr: held });
    expect(await told(cli(['run', '-f', await long('other'), '--home', home, '--detach']))).toBe(
      "mcld: --detach: nothing would train the run once this command has ended; start 'mcld up' first, or leave --detach out",
    );

    const where = `--home ${home}`;
    expect(await told(cli(['resume', id, '--home', home]))).toBe(`mcld: run ${id} is training: it goes on by itself`);
    const watching = start(['watch', id, '--home', home]);
    await watching.printed(/first: step \d+\/25000, loss /);
    watching.process.kill('SIGINT');
    expect((await watching.result).code).toBe(130);
    expect(await told(watching)).toMatch(
      new RegExp(
        `run ${id} goes on in process ${pid} as long as that lasts: 'mcld watch ${id} ${where}' follows it, 'mcld cancel ${id} ${where}' stops it$`,
      ),
    );
    await recordOf(home, 'first', trains);

    const events = start(['watch', id, '--home', home, '--json']);
    await events.printed(/"kind":"progress"/);
    expect(await cli(['cancel', id, '--home', home])).toEqual({ code: 0, stdout: `${id} cancelled\n`, stderr: '' });
    expect(await first.result).toMatchObject({ code: 1, stdout: '' });
    expect(await told(first)).toMatch(
      new RegExp(
        `first: cancelled\nmcld: run ${id} was cancelled; 'mcld resume ${id} ${where}' goes on where it left$`,
      ),
    );
    const seen = await events.result;
    expect(seen.code).toBe(1);
    const kinds = seen.stdout.trim().split('\n');
    expect(kinds.map((line) => (JSON.parse(line) as { kind: string }).kind).at(-1)).toBe('cancelled');

    for (const run of [id, done.id]) {
      expect((await cli(['rm', run, '--home', home])).stdout).toBe(`${run} deleted\n`);
    }
    expect(await readdir(path.join(home, 'store'))).toEqual([]);
  });

  it('only its user can reach it', async () => {
    const home = newHome();
    start(['run', '-f', await long('private'), '--home', home]);
    await recordOf(home, 'private', trains);
    const { pipeline } = (await ownerOf(home))!.serving!;
    const folder = path.dirname(pipeline.replace('unix://', ''));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(home, 'owner.json'))).mode & 0o777).toBe(0o600);
  });
});

describe('a second run', () => {
  it('goes on by itself when the first process is killed, to the bytes of one that was not disturbed', async () => {
    const home = newHome();
    const root = path.relative(projectRoot, place.data);
    const second = await recipeFile({ name: 'second', dataset: { name: 'cifar-100', root }, epochs: 12 });
    const alone = JSON.parse((await cli(['run', '-f', second, '--home', newHome(), '--json'])).stdout) as {
      id: string;
    };
    const undisturbed = place.at(`home-${count}`);

    // Two at once, so that the second is in the middle of its training.
    const first = start(['run', '-f', await long('first'), '--home', home], { MCLD_TRAINERS: '2' });
    const { id: firstId } = await recordOf(home, 'first', trains);
    const follower = start(['run', '-f', second, '--home', home]);
    const { id, recipe } = await recordOf(home, 'second', ({ step }) => step >= 10);
    // Another process trains it, which may have been started in another folder.
    expect(recipe.dataset.root).toBe(place.data);
    first.process.kill('SIGKILL');
    const ended = await follower.result;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(new RegExp(`^${id}: top-1 `));
    const lines = ended.stderr.split('\n').filter((line) => !line.startsWith('second: '));
    expect(lines).toEqual([
      `run ${id} in process ${first.process.pid}, which also works on ${firstId}`,
      `process ${first.process.pid} has ended; going on without it`,
      `run ${id}`,
      '',
    ]);
    expect(ended.stderr).toMatch(/second: goes on after step \d+ of 60\n/);
    const states = (await records(home)).map(({ name, state, attempt }) => [name, state, attempt]).sort();
    expect(states).toEqual([
      ['first', 'interrupted', 1],
      ['second', 'succeeded', 2],
    ]);
    const shaOf = async (run: string, where: string) => {
      const report = await readFile(path.join(where, 'store/runs', run, 'reports/report.json'), 'utf8');
      return (JSON.parse(report) as { modelSha256: string }).modelSha256;
    };
    expect(await shaOf(id, home)).toBe(await shaOf(alone.id, undisturbed));
  });

  it('waits in the first process, and begins by itself when that ends; its output is clean JSON', async () => {
    const home = newHome();
    const first = start(['run', '-f', await long('first'), '--home', home]);
    const { id: firstId } = await recordOf(home, 'first', trains);
    const follower = start(['run', '-f', await recipeFile({ name: 'second' }), '--home', home, '--json']);
    const { id } = await recordOf(home, 'second', ({ state }) => state === 'queued');
    first.process.kill('SIGINT');
    expect((await first.result).code).toBe(130);
    const where = `--home ${home}`;
    expect(await told(first)).toMatch(
      new RegExp(
        `run ${id} stops too: the command that asked for it goes on with it, or else 'mcld resume ${id} ${where}'\n` +
          `mcld: stopped; 'mcld resume ${firstId} ${where}' goes on where it left$`,
      ),
    );
    const ended = await follower.result;
    expect(JSON.parse(ended.stdout)).toMatchObject({ id, state: 'succeeded', attempt: 1 });
    expect(ended.stderr).toBe(`process ${first.process.pid} has ended; going on without it\n`);
  });

  it('that is not followed any more is interrupted, and not lost, when the first process ends', async () => {
    const home = newHome();
    const first = start(['run', '-f', await long('first'), '--home', home]);
    await recordOf(home, 'first', trains);
    const follower = start(['run', '-f', await long('second'), '--home', home]);
    const { id } = await recordOf(home, 'second', ({ state }) => state === 'queued');
    await follower.printed(/run second-/);
    follower.process.kill('SIGINT');
    expect((await follower.result).code).toBe(130);
    expect(await told(follower)).toContain(`run ${id} goes on in process ${first.process.pid} as long as that lasts`);
    first.process.kill('SIGINT');
    expect(await told(first)).toContain(`run ${id} stops too: `);
    expect((await records(home)).map(({ state }) => state)).toEqual(['interrupted', 'interrupted']);
    const watched = await cli(['watch', id, '--home', home]);
    expect(watched).toEqual({
      code: 1,
      stdout: '',
      stderr: `mcld: run ${id} is interrupted, after 0 of 0 steps; 'mcld resume ${id} --home ${home}' goes on with it\n`,
    });
  });
});

describe('mcld up', () => {
  const tls = path.join(projectRoot, 'test/fixtures/tls');
  const secured = {
    MCLD_TOKEN: 'a-token-of-some-length',
    MCLD_TLS_CERT: path.join(tls, 'cert.pem'),
    MCLD_TLS_KEY: path.join(tls, 'key.pem'),
    MCLD_TLS_CA: path.join(tls, 'cert.pem'),
  };

  it('is found by its home, though it asks for a token and TLS at its port', async () => {
    const home = newHome();
    const up = start(['up', '--home', home, '--port', '0'], secured);
    await up.printed(/mcld is up at /);
    const endpoint = (await ownerOf(home))!.serving!.endpoint!;
    const byName = endpoint.replace('127.0.0.1', 'localhost');
    const { pid } = up.process;

    expect(await cli(['ls', '--endpoint', byName], { MCLD_TLS_CA: secured.MCLD_TLS_CA })).toMatchObject({ code: 4 });
    const noToken = { ...secured, MCLD_TOKEN: 'another-token-of-some-length' };
    expect(await told(cli(['ls', '--endpoint', byName], noToken))).toBe(
      'mcld: a bearer token is needed, and this is not it',
    );
    const other = await cli(['up', '--home', home, '--port', '0']);
    const said = `mcld: ${home} is in use by process ${pid}, mcld up at ${endpoint}; use that endpoint, or choose another folder\n`;
    expect(other).toEqual({ code: 2, stdout: '', stderr: said });

    // With and without the settings that the port asks for.
    const recipe = await long('served');
    const detached = await cli(['run', '-f', recipe, '--home', home, '--detach']);
    const id = detached.stdout.trim();
    expect(detached).toMatchObject({ code: 0, stderr: '' });
    await recordOf(home, 'served', trains);
    for (const env of [{}, secured]) {
      expect(JSON.parse((await cli(['ls', '--home', home, '--json'], env)).stdout)).toMatchObject([{ id }]);
    }
    expect(JSON.parse((await cli(['get', id, '--endpoint', byName, '--json'], secured)).stdout)).toMatchObject({
      id,
    });

    const follower = start(['run', '-f', await long('followed'), '--home', home]);
    await follower.printed(/run followed-/);
    const { id: followed } = await recordOf(home, 'followed', () => true);
    up.process.kill('SIGINT');
    expect((await up.result).code).toBe(0);
    const resume = (run: string) => `'mcld resume ${run} --home ${home}' goes on with`;
    expect((await up.result).stderr).toContain(`run ${id} stops; ${resume(id)} it\n`);
    // Whoever serves is started again: its home is left free for it.
    const ended = await follower.result;
    expect(ended.code).toBe(4);
    expect(ended.stderr).toContain(
      `mcld: process ${pid}, mcld up at ${endpoint}, has ended; ${resume(followed)} the run\n`,
    );
    expect((await records(home)).map(({ state }) => state)).toEqual(['interrupted', 'interrupted']);
  });
});

describe('a home', () => {
  it('with a very long path, and a long temporary folder, serves as any other', async () => {
    const deep = (folder: string) => path.join(folder, ...Array.from({ length: 8 }, () => 'a-folder-with-a-long-name'));
    const home = deep(newHome());
    const TMPDIR = deep(place.at('tmp'));
    await mkdir(TMPDIR, { recursive: true });
    start(['run', '-f', await long('deep'), '--home', home], { TMPDIR });
    const { id } = await recordOf(home, 'deep', trains);
    expect(JSON.parse((await cli(['ls', '--home', home, '--json'])).stdout)).toMatchObject([{ id, state: 'training' }]);
  });

  it('of a process that was killed is taken over, whoever has its id now', async () => {
    const home = newHome();
    const killed = start(['run', '-f', await long('killed'), '--home', home]);
    const { id } = await recordOf(home, 'killed', trains);
    killed.process.kill('SIGKILL');
    await killed.result;
    const left = (await ownerOf(home))!;
    expect(left).toMatchObject({ pid: killed.process.pid, host: hostname() });
    await writeFile(path.join(home, 'owner.json'), JSON.stringify({ ...left, pid: process.pid }));
    const listed = await cli(['ls', '--home', home, '--json']);
    expect(listed.stderr).toBe('');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id, state: 'interrupted' }]);
  });

  it('of a process that starts or ends is waited for', async () => {
    const home = newHome();
    const held = await holdHome(home);
    const waiting = start(['ls', '--home', home, '--json']);
    await waiting.printed(/waiting for /);
    await held.release();
    expect(await waiting.result).toEqual({
      code: 0,
      stdout: '[]\n',
      stderr: `waiting for ${home}: process ${process.pid} is starting or ending there\n`,
    });
  });

  it('lets commands of a moment wait for one another', async () => {
    const home = newHome();
    const results = await Promise.all([1, 2, 3].map(() => cli(['ls', '--home', home, '--json'])));
    expect(results.map(({ code, stdout }) => [code, stdout])).toEqual(Array(3).fill([0, '[]\n']));
  });

  it('whose process answers on another machine is left to that', async () => {
    const home = newHome();
    const held = await holdHome(home);
    const serving = { pipeline: 'unix:///nowhere/pipeline.sock', teacher: 'unix:///nowhere/teacher.sock' };
    await writeFile(path.join(home, 'owner.json'), JSON.stringify({ pid: 7, host: 'a-far-machine', serving }));
    const { code, stderr } = await cli(['ls', '--home', home]);
    await held.release();
    expect(stderr).toBe(
      `mcld: ${home} is in use by process 7 on a-far-machine; give the command there, or choose another folder\n`,
    );
    expect(code).toBe(2);
  });
});
