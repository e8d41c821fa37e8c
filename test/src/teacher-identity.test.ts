/** What a teacher's identity covers, and what is tried of it before a run relies on it. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { encodeSafetensors } from '@mcld/models/safetensors.js';
import { initialState } from '@mcld/models/state-dict.js';
import { readConfig } from '@mcld/platform/config.js';
import { chunks } from '@mcld/platform/grpc/chunks.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { projectRoot, scratch, smallCifar } from './support/data.js';
import { InferenceServer, linearRow } from './support/inference-server.js';
import { createRun, ended, pipelineAt, quickRecipe, reportOf, runToEnd } from './support/runs.js';

const fixture = (name: string) => path.join(projectRoot, 'packages/models/fixtures/onnx', name);
const openTeachers = (address: string) => openClient(TeacherInferenceServiceDefinition, address, readConfig({}));

let place: Awaited<ReturnType<typeof scratch>>;
let data: string;
let home: string;
let pipeline: EmbeddedPipeline;
let open: ReturnType<typeof pipelineAt>;
let teachers: ReturnType<typeof openTeachers>;
let server: InferenceServer;
let models = 0;
let name: string;

beforeAll(async () => {
  place = await scratch();
  data = await smallCifar(place.folder, 160, 64);
  home = path.join(place.folder, 'home');
  pipeline = await startEmbedded({ home });
  open = pipelineAt(pipeline.endpoint);
  teachers = openTeachers(pipeline.addresses['teacher-inference'] as string);
});

afterAll(async () => {
  open.close();
  teachers.close();
  await pipeline.close();
  await place.remove();
});

beforeEach(async () => {
  server = await InferenceServer.start();
  name = `model-${models++}`;
});

afterEach(() => server.stop());

const student = (teacher: Record<string, unknown>, changes: Record<string, unknown> = {}) =>
  quickRecipe(data, { teacher, distiller: { name: 'kd' }, epochs: 1, ...changes });

const served = (changes: Record<string, unknown> = {}) => ({ endpoint: server.endpoint, name, ...changes });

const run = (teacher: Record<string, unknown>, changes?: Record<string, unknown>) =>
  runToEnd(open.client, student(teacher, changes));

/** Why a run is not made, or fails. */
async function refusal(teacher: Record<string, unknown>, changes?: Record<string, unknown>): Promise<string> {
  const created = await createRun(open.client, student(teacher, changes)).catch((error: Error) => error);
  if (created instanceof Error) return created.message;
  const { state, error } = await ended(open.client, created.id);
  expect(RunState[state]).toBe('FAILED');
  return error;
}

/** What the teacher service says of a teacher before a run, '' when it can teach. */
async function checked(teacher: Record<string, unknown>, changes: Record<string, unknown> = {}): Promise<string> {
  const recipe = student(teacher, changes);
  const { teacherDigest } = await open.client.resolveTeacher({ recipe });
  const [check] = teacherChecks(parseRecipe(recipe));
  return teachers.client.checkTeacher({ teacherDigest, ...check }).then(
    () => '',
    (error: { details: string }) => error.details,
  );
}

async function imported(file: Uint8Array, model = ''): Promise<{ digest: string }> {
  async function* pieces() {
    for (const { bytes } of chunks(file)) yield { model, chunk: bytes };
  }
  return { digest: (await open.client.importTeacher(pieces())).teacherDigest };
}

const fixtureTeacher = async (file: string) => imported(await readFile(fixture(file)));

const countersOf = async (teacherDigest: string) =>
  (await teachers.client.describeTeacher({ teacherDigest })).counters!;

describe('a model on another server', () => {
  it('is another teacher in another version: nothing stored of the old one is used', async () => {
    const first = await run(served());
    server.served.versions = ['2'];
    server.requests = [];
    const second = await run(served());
    expect(second.teacherDigest).not.toBe(first.teacherDigest);
    // 160 views to train on and 64 to test on, besides what is tried before.
    expect((await countersOf(second.teacherDigest)).computedViews).toBe(224);
    expect(new Set(server.requests.map(({ version }) => version))).toEqual(new Set(['2']));
    const [a, b] = [await reportOf(open.client, first.id), await reportOf(open.client, second.id)];
    expect(b.modelSha256).not.toBe(a.modelSha256);
  });

  it('is the same teacher while nothing changes: a second student is taught from the store', async () => {
    const first = await run(served());
    const before = await countersOf(first.teacherDigest);
    const second = await run(served());
    expect(second.teacherDigest).toBe(first.teacherDigest);
    expect((await countersOf(second.teacherDigest)).computedViews).toBe(before.computedViews);
    const [a, b] = [await reportOf(open.client, first.id), await reportOf(open.client, second.id)];
    expect(b.modelSha256).toBe(a.modelSha256);
  });

  it('is asked in the version that the recipe names, or in the newest that is served', async () => {
    server.served.versions = ['9', '10', '2'];
    const versions = async (teacher: Record<string, unknown>) => {
      server.requests = [];
      expect(await checked(teacher)).toBe('');
      return new Set(server.requests.map(({ version }) => version));
    };
    expect(await versions(served({ version: 9 }))).toEqual(new Set(['9']));
    expect(await versions(served())).toEqual(new Set(['10']));
    await expect(checked(served({ version: '3' }))).rejects.toThrow(
      `FAILED_PRECONDITION: ${server.endpoint} serves version 9, 10, 2 of ${name}, not 3 (teacher.version)`,
    );
    server.served.refusesUnknownVersions = true;
    await expect(checked(served({ version: '3' }))).rejects.toThrow(
      `FAILED_PRECONDITION: ${server.endpoint} does not describe the model ${name} version 3: NOT_FOUND: Request for unknown`,
    );
    server.served.versions = ['blue', 'green'];
    await expect(checked(served())).rejects.toThrow(
      `${server.endpoint} serves versions blue, green of ${name}: say which with teacher.version`,
    );
    expect(await versions(served({ version: 'green' }))).toEqual(new Set(['green']));
  });

  it('is refused when another version answers, or it is described as something else', async () => {
    expect(await checked(served())).toBe('');
    server.served.answeredVersion = '7';
    expect(await checked(served())).toBe(
      `${server.endpoint} answers with version 7 of ${name}, this teacher is version 1; name the one that is meant with teacher.version`,
    );
    delete server.served.answeredVersion;
    const { teacherDigest: digest } = await open.client.resolveTeacher({ recipe: student(served()) });
    server.served.platform = 'test_other';
    expect(await checked({ digest })).toBe(
      `${name} version 1 on ${server.endpoint} is not what this teacher was made of: its platform was "test_linear", now "test_other"; a new run takes it as it is now`,
    );
    expect(await checked(served())).toBe('');
  });

  it('that was stored without its version is refused', async () => {
    const digest = 'e'.repeat(64);
    const file = path.join(home, 'store/teachers', digest, 'endpoint.json');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify({ endpoint: server.endpoint, name }));
    expect(await checked({ digest })).toBe(
      'this teacher was stored by an earlier build, which did not note the version of the model on its server; make a new run of its recipe',
    );
  });
});

describe('a server that does not say when its model changes', () => {
  beforeEach(() => {
    server.served.versions = [];
    delete server.served.answeredVersion;
  });

  it('is found out by its answers to views that are stored; without those it teaches again', async () => {
    const first = await run(served());
    server.served.row = (pixels) => linearRow(pixels, 1);
    const why = await refusal(served());
    expect(why).toMatch(
      new RegExp(
        `^the teacher \\(test_linear ${name}\\) has changed: its answers to 64 stored views differ from the stored ones by up to [\\d.]+; 'mcld cache gc --teacher ${first.teacherDigest.slice(0, 12)}' removes what the old one answered, or serve the new one under a version or name of its own$`,
      ),
    );
    const collected = await cli([
      'cache',
      'gc',
      '--teacher',
      first.teacherDigest.slice(0, 12),
      '--home',
      home,
      '--json',
    ]);
    expect(JSON.parse(collected.stdout).removed.length).toBe(2);
    const before = await countersOf(first.teacherDigest);
    const second = await run(served());
    expect(second.teacherDigest).toBe(first.teacherDigest);
    expect((await countersOf(second.teacherDigest)).computedViews).toBe(before.computedViews + 224);
    const [a, b] = [await reportOf(open.client, first.id), await reportOf(open.client, second.id)];
    expect(b.modelSha256).not.toBe(a.modelSha256);
  });

  it('is found out as one of an ensemble', async () => {
    const weights = encodeSafetensors(initialState('resnet8', 100, 1), {});
    const ensemble = { ensemble: [await imported(weights, 'resnet8'), served()] };
    await run(ensemble);
    expect(await checked(ensemble)).toBe('');
    server.served.row = (pixels) => linearRow(pixels, 1);
    expect(await checked(ensemble)).toContain(
      `the teacher (resnet8 + test_linear ${name}) has changed: its answers to 64`,
    );
  });

  it.each(['fp32', 'fp16', 'topk:5'])(
    'may be as exact as a GPU in other batches, with rows as %s',
    async (precision) => {
      let noise = 0;
      server.served.row = (pixels) =>
        linearRow(pixels, 1).map((value, c) => value * (1 + noise * Math.sin(c + pixels[0]!)) + noise * Math.cos(c));
      const recipe = { logitPrecision: precision };
      await run(served(), recipe);
      noise = 1e-3;
      expect(await checked(served(), recipe)).toBe('');
      // A model that was trained a little on.
      noise = 0.1;
      expect(await checked(served(), recipe)).toContain('has changed: its answers to 64 stored views');
    },
  );
});

describe('a server that goes away', () => {
  it('is missed when a run begins, although all is stored', async () => {
    await run(served());
    await server.stop();
    const why = await refusal(served());
    expect(why).toContain(`UNAVAILABLE: ${server.endpoint} does not describe the model ${name}: UNAVAILABLE: `);
  });

  it('is waited for during a run', async () => {
    let [asked, stopped] = [0, Promise.resolve()];
    const { row } = server.served;
    const { id } = await createRun(open.client, student(served(), { epochs: 3 }));
    server.served.row = (pixels, version, place) => {
      asked++;
      // Past what is tried before the run, in the middle of a request.
      if (asked === 600)
        stopped = server
          .stop()
          .then(() => sleep(1500))
          .then(() => server.start());
      return row(pixels, version, place);
    };
    const { state, error } = await ended(open.client, id);
    await stopped;
    expect(asked).toBeGreaterThan(600);
    expect([error, RunState[state]]).toEqual(['', 'SUCCEEDED']);
  });
});

describe('a model’s input', () => {
  it('is sent in batches of one size that the server takes', async () => {
    server.served.maxBatchSize = 8;
    const teacher = await run(served());
    expect(new Set(server.requests.map(({ rows }) => rows))).toEqual(new Set([8]));
    server.served.maxBatchSize = 0;
    server.requests = [];
    name = `${name}-unlimited`;
    const whole = await run(served());
    expect(new Set(server.requests.map(({ rows }) => rows))).toEqual(new Set([64]));
    const [a, b] = [await reportOf(open.client, teacher.id), await reportOf(open.client, whole.id)];
    expect(b.modelSha256).toBe(a.modelSha256);
    server.served.shape = [1, 32, 32, 3];
    server.requests = [];
    expect(await checked(served())).toBe('');
    expect(new Set(server.requests.map(({ rows }) => rows))).toEqual(new Set([1]));
  });

  it('has the size of the data set’s images', async () => {
    server.served.shape = [-1, 3, 224, 224];
    expect(await checked(served())).toBe(
      `dataset.size: images are 32×32, but the teacher (test_linear ${name} version 1) takes 224×224; set dataset.size: 224`,
    );
    const dataset = { name: 'cifar-100', root: data, size: 48 };
    expect(await checked(await fixtureTeacher('fixed-batch.onnx'), { dataset })).toBe(
      'dataset.size: images are 48×48, but the teacher (onnx) takes 32×32; set dataset.size: 32',
    );
    const vision = encodeSafetensors(initialState('deit_tiny_patch4_32', 100, 1), {});
    expect(await checked(await imported(vision, 'deit_tiny_patch4_32'), { dataset })).toBe(
      'dataset.size: images are 48×48, but the teacher (deit_tiny_patch4_32) takes 32×32; set dataset.size: 32',
    );
  });
});

it('a teacher of another deployment is told how to normalise', async () => {
  const weights = await imported(encodeSafetensors(initialState('resnet8', 20, 1), {}), 'resnet8');
  const remote = { endpoint: pipeline.addresses['teacher-inference'], name: weights.digest };
  const dataset = { name: 'tiny-imagenet', root: path.join(projectRoot, 'samples/tiny-imagenet-200') };
  const rows = async (teacher: Record<string, unknown>) => {
    const recipe = student(teacher, { dataset });
    const { teacherDigest } = await open.client.resolveTeacher({ recipe });
    const [{ spec }] = teacherChecks(parseRecipe(recipe));
    const pieces: Buffer[] = [];
    const views = { index: [0, 1, 2], code: [0, 5, 9] };
    for await (const { logits } of teachers.client.computeLogits({ teacherDigest, spec, views }))
      pieces.push(Buffer.from(logits));
    return Buffer.concat(pieces);
  };
  const [here, there] = [await rows(weights), await rows(remote)];
  expect(here.length).toBe(3 * 20 * 4);
  expect(there.equals(here)).toBe(true);
});

describe('answers that are no logits', () => {
  const softmax = 'each row sums to 1, as after a Softmax';
  const sigmoid = 'all lie in 0…1, as after a Sigmoid';
  const refused = (model: string, how: string) =>
    `the teacher (${model}) answers with probabilities: ${how}; logits are needed: export it without that last layer, or say teacher.accept: [probabilities] to use them as they are`;

  it('are refused of a model that ends in a softmax or a sigmoid, unless that is meant', async () => {
    for (const [file, how] of [
      ['softmax.onnx', softmax],
      ['sigmoid.onnx', sigmoid],
    ] as const) {
      const teacher = await fixtureTeacher(file);
      expect(await checked(teacher)).toBe(refused('onnx', how));
      expect(await checked({ ...teacher, accept: ['probabilities'] })).toBe('');
    }
    expect(await checked(await fixtureTeacher('log-softmax.onnx'))).toBe('');
    expect(await checked(await fixtureTeacher('fixed-batch.onnx'))).toBe('');
  });

  it('are refused of a server, and of one of an ensemble, before anything is trained or stored', async () => {
    const softened = (pixels: Uint8Array) => {
      const powers = linearRow(pixels, 1).map(Math.exp);
      return powers.map((power) => power / powers.reduce((a, b) => a + b));
    };
    const logits = await fixtureTeacher('fixed-batch.onnx');
    server.served.row = softened;
    const model = `test_linear ${name} version 1`;
    expect(await refusal(served())).toBe(refused(model, softmax));
    expect(await refusal({ ensemble: [logits, served()] })).toBe(refused(model, softmax));
    expect(await checked({ ensemble: [logits, served({ accept: ['probabilities'] })] })).toBe('');
    server.served.row = (pixels) => softened(pixels).map((share) => share * 100);
    expect(await checked(served())).toBe(refused(model, softmax));
    const listed = await cli(['cache', 'ls', '--home', home, '--json']);
    const { teacherDigest } = await open.client.resolveTeacher({ recipe: student(served()) });
    const stored = JSON.parse(listed.stdout) as { teacher: string; bytes: number }[];
    expect(stored.filter((store) => store.teacher === teacherDigest && store.bytes > 0)).toEqual([]);
  });

  it('are refused where they are no numbers, by the image', async () => {
    server.served.row = (pixels) => linearRow(pixels, 1).map((value, c) => (c === 3 ? value / 0 : value));
    expect(await checked(served())).toMatch(
      /^the teacher \(.*\) answers to image 0 with -?Infinity for class 3; a student cannot be held against that$/,
    );
  });

  it('are not warmed', async () => {
    const recipe = path.join(place.folder, 'warm.json');
    await writeFile(recipe, JSON.stringify(student({ file: fixture('softmax.onnx') })));
    const warmed = await cli(['cache', 'warm', '-f', recipe, '--home', path.join(place.folder, 'warm')]);
    expect([warmed.code, warmed.stderr]).toEqual([1, `mcld: ${refused('onnx', softmax)}\n`]);
    const accepted = student({ file: fixture('softmax.onnx'), accept: ['probabilities'] });
    await writeFile(recipe, JSON.stringify(accepted));
    expect((await cli(['cache', 'warm', '-f', recipe, '--home', path.join(place.folder, 'warm')])).code).toBe(0);
  });
});

describe('answers that differ', () => {
  it('each time, of a model with dropout in training mode, are refused unless they are meant', async () => {
    const teacher = await fixtureTeacher('dropout.onnx');
    expect(await checked(teacher)).toMatch(
      /^the teacher \(onnx\) answers differently each time it is asked about the same images, by up to [\d.]+: was it exported in training mode, with its dropout\? Export it after model.eval\(\), or say teacher.accept: \[random\]: then the first answer to each view is stored and stays$/,
    );
    expect(await checked({ ...teacher, accept: ['random'] })).toBe('');
    expect(await checked({ ...teacher, accept: ['probabilities'] })).toContain('answers differently each time');
  });

  it('by the other images of a batch, as of batch norms in training mode, are refused', async () => {
    expect(await checked(await fixtureTeacher('batch-norm.onnx'))).toMatch(
      /^the teacher \(onnx\) answers to an image by the other images of its batch, by up to [\d.]+: was it exported in training mode, with its batch norms\?/,
    );
  });

  it('on a server whose answers are meant to differ, are one draw that the store keeps', async () => {
    let draws = 0;
    server.served.row = (pixels) => linearRow(pixels, 1).map((value) => value + Math.sin(draws++) * 3);
    expect(await checked(served())).toContain('answers differently each time');
    const teacher = served({ accept: ['random'] });
    const [first, second] = [await run(teacher), await run(teacher)];
    const [a, b] = [await reportOf(open.client, first.id), await reportOf(open.client, second.id)];
    expect(b.modelSha256).toBe(a.modelSha256);
  });
});

describe('an ONNX model with its weights in another file', () => {
  it('teaches from any folder, and is another teacher when its weights change', async () => {
    const folder = path.join(place.folder, 'external');
    await mkdir(folder);
    for (const file of ['exported.onnx', 'exported.onnx.data']) await cp(fixture(file), path.join(folder, file));
    const recipe = path.join(place.folder, 'external.json');
    await writeFile(recipe, JSON.stringify(student({ file: path.join(folder, 'exported.onnx') })));
    const started = async () => {
      const made = await cli(['run', '-f', recipe, '--home', path.join(place.folder, 'external-home'), '--json']);
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
    await expect(fixtureTeacher('exported.onnx')).rejects.toThrow(
      /INVALID_ARGUMENT: the values of tensor \S+ lie in another file, 'exported.onnx.data', which did not come along/,
    );
    const digest = 'd'.repeat(64);
    await mkdir(path.join(home, 'store/teachers', digest), { recursive: true });
    await writeFile(path.join(home, 'store/teachers', digest, 'model.onnx'), await readFile(fixture('exported.onnx')));
    expect(await checked({ digest })).toContain("lie in another file, 'exported.onnx.data'");
  });

  it('is refused by the command with the file’s name', async () => {
    const recipe = path.join(place.folder, 'alone.json');
    const alone = path.join(place.folder, 'alone.onnx');
    await writeFile(alone, await readFile(fixture('exported.onnx')));
    await writeFile(recipe, JSON.stringify(student({ file: alone })));
    const { code, stderr } = await cli(['run', '-f', recipe, '--home', path.join(place.folder, 'alone-home')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^mcld: teacher.file: \S+alone.onnx: tensor \S+: its values lie in exported.onnx.data beside the model: there is no such file$/m,
    );
  });
});
