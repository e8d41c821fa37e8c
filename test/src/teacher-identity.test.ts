/** What a teacher's identity covers. */
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { ServerError, Status } from 'nice-grpc';
import { beforeEach, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { linearRow } from './support/inference-server.js';
import { createRun, ended } from './support/runs.js';
import { onnxFixture, useTeacherTrial } from './support/teacher-trial.js';

const trial = useTeacherTrial();

describe('a model on another server', () => {
  it('is another teacher in another version: nothing stored of the old one is used', async () => {
    const first = await trial.run(trial.served());
    trial.server.served.versions = ['2'];
    trial.server.requests = [];
    const second = await trial.run(trial.served());
    expect(second.teacherDigest).not.toBe(first.teacherDigest);
    // 160 views to train on and 64 to test on, besides what is tried before.
    expect((await trial.counters(second.teacherDigest)).computedViews).toBe(224);
    expect(new Set(trial.server.requests.map(({ version }) => version))).toEqual(new Set(['2']));
    const [a, b] = await trial.digestsOfStudents(first, second);
    expect(b).not.toBe(a);
  });

  it('is the same teacher while nothing changes: a second student is taught from the store', async () => {
    const first = await trial.run(trial.served());
    const before = await trial.counters(first.teacherDigest);
    const second = await trial.run(trial.served());
    expect(second.teacherDigest).toBe(first.teacherDigest);
    expect((await trial.counters(second.teacherDigest)).computedViews).toBe(before.computedViews);
    const [a, b] = await trial.digestsOfStudents(first, second);
    expect(b).toBe(a);
  });

  it('is asked in the version that the recipe names, or in the newest that is served', async () => {
    trial.server.served.versions = ['9', '10', '2'];
    const versions = async (teacher: Record<string, unknown>) => {
      trial.server.requests = [];
      expect(await trial.checked(teacher)).toBe('');
      return new Set(trial.server.requests.map(({ version }) => version));
    };
    expect(await versions(trial.served({ version: 9 }))).toEqual(new Set(['9']));
    expect(await versions(trial.served())).toEqual(new Set(['10']));
    await expect(trial.checked(trial.served({ version: '3' }))).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: `${trial.server.endpoint} serves version 9, 10, 2 of ${trial.name}, not 3 (teacher.version)`,
    });
    trial.server.served.refusesUnknownVersions = true;
    const unknown = `${trial.server.endpoint} does not describe the model ${trial.name} version 3: NOT_FOUND: Request for unknown`;
    await expect(trial.checked(trial.served({ version: '3' }))).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: expect.stringContaining(unknown),
    });
    trial.server.served.versions = ['blue', 'green'];
    await expect(trial.checked(trial.served())).rejects.toThrow(
      `${trial.server.endpoint} serves versions blue, green of ${trial.name}: say which with teacher.version`,
    );
    expect(await versions(trial.served({ version: 'green' }))).toEqual(new Set(['green']));
  });

  it('is refused when another version answers, or it is described as something else', async () => {
    expect(await trial.checked(trial.served())).toBe('');
    trial.server.served.answeredVersion = '7';
    expect(await trial.checked(trial.served())).toBe(
      `${trial.server.endpoint} answers with version 7 of ${trial.name}, this teacher is version 1; name the one that is meant with teacher.version`,
    );
    delete trial.server.served.answeredVersion;
    const { teacherDigest: digest } = await trial.client.resolveTeacher({ recipe: trial.student(trial.served()) });
    trial.server.served.platform = 'test_other';
    expect(await trial.checked({ digest })).toBe(
      `${trial.name} version 1 on ${trial.server.endpoint} is not what this teacher was made of: its platform was "test_linear", now "test_other"; a new run takes it as it is now`,
    );
    expect(await trial.checked(trial.served())).toBe('');
  });

  it('that was stored without its version is refused', async () => {
    const digest = 'e'.repeat(64);
    const file = path.join(trial.pipeline.home, 'store/teachers', digest, 'endpoint.json');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify({ endpoint: trial.server.endpoint, name: trial.name }));
    expect(await trial.checked({ digest })).toBe(
      'this teacher was stored by an earlier build, which did not note the version of the model on its server; make a new run of its recipe',
    );
  });
});

describe('a server that does not say when its model changes', () => {
  beforeEach(() => {
    trial.server.served.versions = [];
    delete trial.server.served.answeredVersion;
  });

  it('is found out by its answers to views that are stored; without those it teaches again', async () => {
    const first = await trial.run(trial.served());
    trial.server.served.row = (pixels) => linearRow(pixels, 1);
    const why = await trial.refusal(trial.served());
    expect(why).toMatch(
      new RegExp(
        `^teacher: the teacher \\(test_linear ${trial.name}\\) has changed: its answers to 64 stored views differ from the stored ones by up to [\\d.]+; 'mcld cache gc --teacher ${first.teacherDigest.slice(0, 12)}' removes what the old one answered, or serve the new one under a version or name of its own$`,
      ),
    );
    const collected = await cli([
      'cache',
      'gc',
      '--teacher',
      first.teacherDigest.slice(0, 12),
      '--home',
      trial.pipeline.home,
      '--json',
    ]);
    expect(JSON.parse(collected.stdout).removed.length).toBe(2);
    const before = await trial.counters(first.teacherDigest);
    const second = await trial.run(trial.served());
    expect(second.teacherDigest).toBe(first.teacherDigest);
    expect((await trial.counters(second.teacherDigest)).computedViews).toBe(before.computedViews + 224);
    const [a, b] = await trial.digestsOfStudents(first, second);
    expect(b).not.toBe(a);
  });

  it('is found out as one of an ensemble', async () => {
    const weights = encodeSafetensors(initialState('resnet8', 100, 1), {});
    const ensemble = { ensemble: [await trial.imported(weights, 'resnet8'), trial.served()] };
    await trial.run(ensemble);
    expect(await trial.checked(ensemble)).toBe('');
    trial.server.served.row = (pixels) => linearRow(pixels, 1);
    expect(await trial.checked(ensemble)).toContain(
      `the teacher (resnet8 + test_linear ${trial.name}) has changed: its answers to 64`,
    );
  });

  it.each(['fp32', 'fp16', 'topk:5'])(
    'may be as exact as a GPU in other batches, with rows as %s',
    async (precision) => {
      let noise = 0;
      trial.server.served.row = (pixels) =>
        linearRow(pixels, 1).map((value, c) => value * (1 + noise * Math.sin(c + pixels[0]!)) + noise * Math.cos(c));
      const recipe = { logitPrecision: precision };
      await trial.run(trial.served(), recipe);
      noise = 1e-3;
      expect(await trial.checked(trial.served(), recipe)).toBe('');
      // A model that was trained a little on.
      noise = 0.1;
      expect(await trial.checked(trial.served(), recipe)).toContain('has changed: its answers to 64 stored views');
    },
  );
});

describe('a server that goes away', () => {
  it('is missed when a run begins, although all is stored', async () => {
    await trial.run(trial.served());
    await trial.server.stop();
    const why = await trial.refusal(trial.served());
    // By whether it tries to connect again at this moment.
    const how = `(connect ECONNREFUSED ${trial.server.endpoint}|no connection|Connection dropped)`;
    expect(why).toMatch(
      new RegExp(`^teacher: ${trial.server.endpoint} does not describe the model ${trial.name}: UNAVAILABLE: ${how}$`),
    );
  });

  it('is asked about its port where something else answers there', async () => {
    const http = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const endpoint = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    expect(await trial.refusal({ endpoint, name: trial.name })).toBe(
      `teacher: ${endpoint} does not describe the model ${trial.name}: UNAVAILABLE: what is there does not speak gRPC; is this its gRPC port?`,
    );
    http.close();
  });

  it('is missed when a run is made, although it describes its model', async () => {
    trial.server.served.row = () => {
      throw new ServerError(Status.UNAVAILABLE, 'model is not at ready state');
    };
    const refused = createRun(trial.client, trial.student(trial.served()));
    await expect(refused).rejects.toMatchObject({
      status: 'UNAVAILABLE',
      message: `teacher: ${trial.server.endpoint} does not answer for ${trial.name} version 1: UNAVAILABLE: model is not at ready state`,
    });
  });

  it('is waited for, and the run says so, before its first step', async () => {
    let [asked, tried, back] = [0, Number.POSITIVE_INFINITY, false];
    const { row } = trial.server.served;
    trial.server.served.row = (pixels, version, place) => {
      if (asked++ >= tried && !back) throw new ServerError(Status.UNAVAILABLE, 'model is not at ready state');
      return row(pixels, version, place);
    };
    const { teacherDigest } = await trial.client.resolveTeacher({ recipe: trial.student(trial.served()) });
    for (const check of Object.values(teacherChecks(parseRecipe(trial.student(trial.served())))))
      await trial.teachers.checkTeacher({ teacherDigest, ...check });
    // What CreateRun asks for; its trainer comes after it.
    [tried, asked] = [asked, 0];
    const { id } = await createRun(trial.client, trial.student(trial.served()));
    const told: unknown[] = [];
    const ends: unknown[] = [];
    for await (const { kind, data, run } of trial.client.watchRun({ runId: id })) {
      if (kind === 'interrupted') {
        told.push(data);
        back = true;
      }
      if (run) ends.push([run.error, RunState[run.state]]);
    }
    expect(ends).toEqual([['', 'SUCCEEDED']]);
    const reason = `teacher: ${trial.server.endpoint} does not answer for ${trial.name} version 1: UNAVAILABLE: model is not at ready state`;
    expect(told).toEqual([{ attempt: 1, retry: { reason, next: 2, most: 8, pauseMs: 2000 } }]);
  });

  it('is waited for during a run', async () => {
    let [asked, stopped] = [0, Promise.resolve()];
    const { row } = trial.server.served;
    const { id } = await createRun(trial.client, trial.student(trial.served(), { epochs: 3 }));
    trial.server.served.row = (pixels, version, place) => {
      asked++;
      // Past what is tried before the run, in the middle of a request.
      if (asked === 600)
        stopped = trial.server
          .stop()
          .then(() => sleep(1500))
          .then(() => trial.server.start());
      return row(pixels, version, place);
    };
    const { state, error } = await ended(trial.client, id);
    await stopped;
    expect(asked).toBeGreaterThan(600);
    expect([error, RunState[state]]).toEqual(['', 'SUCCEEDED']);
  });
});

describe('an ONNX model with its weights in another file', () => {
  it('teaches from any folder, and is another teacher when its weights change', async () => {
    const folder = path.join(trial.place.folder, 'external');
    await mkdir(folder);
    for (const file of ['exported.onnx', 'exported.onnx.data']) await cp(onnxFixture(file), path.join(folder, file));
    const recipe = path.join(trial.place.folder, 'external.json');
    await writeFile(recipe, JSON.stringify(trial.student({ file: path.join(folder, 'exported.onnx') })));
    const started = async () => {
      const made = await cli(['run', '-f', recipe, '--home', path.join(trial.place.folder, 'external-home'), '--json']);
      expect(made.code, made.stderr).toBe(0);
      return JSON.parse(made.stdout) as { id: string; teacherDigest: string };
    };
    const first = await started();
    const weights = path.join(folder, 'exported.onnx.data');
    await writeFile(
      weights,
      (await readFile(weights)).map((byte, i) => (i % 4 === 2 ? byte ^ 0x20 : byte)),
    );
    const second = await started();
    expect(second.teacherDigest).not.toBe(first.teacherDigest);
  });

  it('is refused from a client that sends it without them, and where an earlier build stored it so', async () => {
    await expect(trial.fixture('exported.onnx')).rejects.toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^the values of tensor \S+ lie in another file, 'exported.onnx.data', which did not come along/,
      ),
    });
    const digest = 'd'.repeat(64);
    await mkdir(path.join(trial.pipeline.home, 'store/teachers', digest), { recursive: true });
    await writeFile(
      path.join(trial.pipeline.home, 'store/teachers', digest, 'model.onnx'),
      await readFile(onnxFixture('exported.onnx')),
    );
    expect(await trial.checked({ digest })).toContain("lie in another file, 'exported.onnx.data'");
  });

  it('is refused by the command with the file’s name', async () => {
    const recipe = path.join(trial.place.folder, 'alone.json');
    const alone = path.join(trial.place.folder, 'alone.onnx');
    await writeFile(alone, await readFile(onnxFixture('exported.onnx')));
    await writeFile(recipe, JSON.stringify(trial.student({ file: alone })));
    const { code, stderr } = await cli(['run', '-f', recipe, '--home', path.join(trial.place.folder, 'alone-home')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^mcld: teacher.file: \S+alone.onnx: tensor \S+: its values lie in exported.onnx.data beside the model: there is no such file$/m,
    );
  });
});
