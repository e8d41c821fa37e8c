/** What is tried of a teacher before a run relies on it. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { ServerError, Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { InferenceServer, linearRow } from './support/inference-server.js';
import { onnxFixture, useTeacherTrial } from './support/teacher-trial.js';

const trial = useTeacherTrial();

describe('a model’s input', () => {
  it('is sent in batches of one size that the server takes', async () => {
    const limited = await InferenceServer.start({ maxBatchSize: 8 });
    const [parts, whole] = [
      await trial.run({ endpoint: limited.endpoint, name: trial.name }),
      await trial.run(trial.served()),
    ];
    await limited.stop();
    expect(new Set(limited.requests.map(({ rows }) => rows))).toEqual(new Set([8]));
    expect(new Set(trial.server.requests.map(({ rows }) => rows))).toEqual(new Set([64]));
    const [a, b] = await trial.digestsOfStudents(parts, whole);
    expect(b).toBe(a);
    trial.server.served.shape = [1, 32, 32, 3];
    trial.server.requests = [];
    expect(await trial.checked(trial.served())).toBe('');
    expect(new Set(trial.server.requests.map(({ rows }) => rows))).toEqual(new Set([1]));
  });

  it('is sent in the batches that the server takes now: in the next run, and in the middle of one', async () => {
    const limited = await InferenceServer.start({ maxBatchSize: 32 });
    const teacher = { endpoint: limited.endpoint, name: trial.name };
    const rows = () => new Set(limited.requests.splice(0).map((request) => request.rows));
    await trial.run(teacher);
    expect(rows()).toEqual(new Set([32]));
    limited.served.maxBatchSize = 4;
    const { teacherDigest } = await trial.run(teacher, { dataSeed: 1, seed: 1 });
    expect(rows()).toEqual(new Set([4]));
    limited.served.maxBatchSize = 16;
    const { row } = limited.served;
    let asked = 0;
    limited.served.row = (...image) => {
      // Past what is tried before the run.
      if (asked++ === 500) limited.served.maxBatchSize = 8;
      return row(...image);
    };
    const run = await trial.run(teacher, { augmentation: { cropPadding: 3 }, epochs: 3 });
    expect(run.teacherDigest).toBe(teacherDigest);
    expect(asked).toBeGreaterThan(500);
    expect(rows()).toEqual(new Set([16, 8]));
    await limited.stop();
  });

  it('is refused in the server’s words where it takes no batches of that many, and does not say how many', async () => {
    trial.server.served.row = () => {
      throw new ServerError(Status.INVALID_ARGUMENT, 'inference request batch-size must be <= 4');
    };
    expect(await trial.checked(trial.served())).toBe(
      `${trial.server.endpoint} refuses a request of 64 images for ${trial.name} version 1: INVALID_ARGUMENT: inference request batch-size must be <= 4`,
    );
  });

  it('has the size of the data set’s images', async () => {
    trial.server.served.shape = [-1, 3, 224, 224];
    expect(await trial.checked(trial.served())).toBe(
      `dataset.size: images are 32×32, but the teacher (test_linear ${trial.name} version 1) takes 224×224; set dataset.size: 224`,
    );
    const dataset = { name: 'cifar-100', root: trial.place.data, size: 48 };
    expect(await trial.checked(await trial.fixture('fixed-batch.onnx'), { dataset })).toBe(
      'dataset.size: images are 48×48, but the teacher (onnx) takes 32×32; set dataset.size: 32',
    );
    const vision = encodeSafetensors(initialState('deit_tiny_patch4_32', 100, 1), {});
    expect(await trial.checked(await trial.imported(vision, 'deit_tiny_patch4_32'), { dataset })).toBe(
      'dataset.size: images are 48×48, but the teacher (deit_tiny_patch4_32) takes 32×32; set dataset.size: 32',
    );
  });
});

it('a teacher of another deployment is told how to normalise', async () => {
  const weights = await trial.imported(encodeSafetensors(initialState('resnet8', 20, 1), {}), 'resnet8');
  const remote = { endpoint: trial.pipeline.addresses['teacher-inference'], name: weights.digest };
  const dataset = { name: 'tiny-imagenet', root: path.join(projectRoot, 'samples/tiny-imagenet-200') };
  const rows = async (teacher: Record<string, unknown>) => {
    const recipe = trial.student(teacher, { dataset });
    const { teacherDigest } = await trial.client.resolveTeacher({ recipe });
    const { spec } = teacherChecks(parseRecipe(recipe)).train;
    const pieces: Buffer[] = [];
    const views = { index: [0, 1, 2], code: [0, 5, 9] };
    for await (const { values } of trial.teachers.computeRows({ teacherDigest, spec, views }))
      pieces.push(Buffer.from(values));
    return Buffer.concat(pieces);
  };
  const [here, there] = [await rows(weights), await rows(remote)];
  expect(here.length).toBe(3 * 20 * 4);
  expect(there.equals(here)).toBe(true);
});

describe('answers that are not logits', () => {
  const softmax = 'each row sums to 1, as after a Softmax';
  const sigmoid = 'all lie in 0…1, as after a Sigmoid';
  const refused = (model: string, how: string) =>
    `the teacher (${model}) answers with probabilities: ${how}; logits are needed: export it without that last layer, or say teacher.accept: [probabilities] to use them as they are`;

  it('are refused of a model that ends in a softmax or a sigmoid, unless that is meant', async () => {
    for (const [file, how] of [
      ['softmax.onnx', softmax],
      ['sigmoid.onnx', sigmoid],
    ] as const) {
      const teacher = await trial.fixture(file);
      expect(await trial.checked(teacher)).toBe(refused('onnx', how));
      expect(await trial.checked({ ...teacher, accept: ['probabilities'] })).toBe('');
    }
    expect(await trial.checked(await trial.fixture('log-softmax.onnx'))).toBe('');
    expect(await trial.checked(await trial.fixture('fixed-batch.onnx'))).toBe('');
  });

  it('are refused of a server, and of one of an ensemble, before anything is trained or stored', async () => {
    const softened = (pixels: Uint8Array) => {
      const powers = linearRow(pixels, 1).map(Math.exp);
      return powers.map((power) => power / powers.reduce((a, b) => a + b));
    };
    const logits = await trial.fixture('fixed-batch.onnx');
    trial.server.served.row = softened;
    const model = `test_linear ${trial.name} version 1`;
    expect(await trial.refusal(trial.served())).toBe(`teacher: ${refused(model, softmax)}`);
    expect(await trial.refusal({ ensemble: [logits, trial.served()] })).toBe(`teacher: ${refused(model, softmax)}`);
    expect(await trial.checked({ ensemble: [logits, trial.served({ accept: ['probabilities'] })] })).toBe('');
    trial.server.served.row = (pixels) => softened(pixels).map((share) => share * 100);
    expect(await trial.checked(trial.served())).toBe(refused(model, softmax));
    const listed = await cli(['cache', 'ls', '--home', trial.pipeline.home, '--json']);
    const { teacherDigest } = await trial.client.resolveTeacher({ recipe: trial.student(trial.served()) });
    const stored = JSON.parse(listed.stdout) as { teacher: string; bytes: number }[];
    // Those of the tests above are there.
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.filter((store) => store.teacher === teacherDigest && store.bytes > 0)).toEqual([]);
  });

  it('are refused where they are not numbers, by the image', async () => {
    trial.server.served.row = (pixels) => linearRow(pixels, 1).map((value, c) => (c === 3 ? value / 0 : value));
    expect(await trial.checked(trial.served())).toMatch(
      /^the teacher \(.*\) answers to image 0 with -?Infinity for class 3; a student cannot learn from that$/,
    );
  });

  it('are refused where they are the same for every image, whatever is accepted', async () => {
    const told = `the teacher (test_linear ${trial.name} version 1) gives the same answer to every image of 128 that it was asked about: a student can learn nothing from it; were its weights loaded before it was exported, and does it take images as they are sent?`;
    const rows: Record<string, (pixels: Uint8Array) => Float32Array> = {
      zeros: () => new Float32Array(100),
      biases: () => Float32Array.from({ length: 100 }, (_, c) => Math.sin(c) * 7),
      'next to nothing': (pixels) => linearRow(pixels, 1).map((value) => value * 1e-30),
      'one class': () => Float32Array.from({ length: 100 }, (_, c) => Number(c === 3)),
    };
    for (const [what, row] of Object.entries(rows)) {
      trial.server.served.row = row;
      for (const accept of [undefined, ['probabilities', 'random']])
        expect(await trial.checked(trial.served(accept && { accept })), what).toBe(told);
    }
    expect(await trial.refusal(trial.served())).toBe(`teacher: ${told}`);
    trial.server.served.row = (pixels) => linearRow(pixels, 1).map((value) => value * 1e-3);
    expect(await trial.checked(trial.served())).toBe('');
  });

  it('are not warmed', async () => {
    const recipe = path.join(trial.place.folder, 'warm.json');
    await writeFile(recipe, JSON.stringify(trial.student({ file: onnxFixture('softmax.onnx') })));
    const warmed = await cli(['cache', 'warm', '-f', recipe, '--home', path.join(trial.place.folder, 'warm')]);
    expect([warmed.code, warmed.stderr]).toEqual([2, `mcld: ${refused('onnx', softmax)}\n`]);
    const accepted = trial.student({ file: onnxFixture('softmax.onnx'), accept: ['probabilities'] });
    await writeFile(recipe, JSON.stringify(accepted));
    expect((await cli(['cache', 'warm', '-f', recipe, '--home', path.join(trial.place.folder, 'warm')])).code).toBe(0);
  });
});

it('what a recipe’s teacher is refused for is the recipe’s fault, by the exit code', async () => {
  const recipe = path.join(trial.place.folder, 'refused.json');
  const refused = async (teacher: Record<string, unknown>) => {
    await writeFile(recipe, JSON.stringify(trial.student(teacher)));
    const { code, stderr } = await cli(['run', '-f', recipe, '--home', path.join(trial.place.folder, 'refused')]);
    return [code, stderr];
  };
  expect(await refused({ file: onnxFixture('softmax.onnx') })).toEqual([
    2,
    expect.stringContaining('mcld: teacher: the teacher (onnx) answers with probabilities'),
  ]);
  const [ten, hundred] = [10, 100].map((classes) => encodeSafetensors(initialState('resnet8', classes, 1), {}));
  const files = await Promise.all(
    [ten, hundred].map(async (weights, i) => {
      const file = path.join(trial.place.folder, `${i}.safetensors`);
      await writeFile(file, weights as Uint8Array);
      return { file, model: 'resnet8' };
    }),
  );
  expect(await refused({ ensemble: files })).toEqual([2, 'mcld: teacher: an ensemble of 10 and of 100 classes\n']);
  expect(await refused({ endpoint: 'grpc://127.0.0.1:1', name: trial.name })).toEqual([
    2,
    expect.stringContaining('mcld: teacher.endpoint: expected host:port'),
  ]);
  await trial.server.stop();
  expect(await refused(trial.served())).toEqual([
    4,
    expect.stringContaining(`mcld: teacher: ${trial.server.endpoint} does not`),
  ]);
});

describe('answers that differ', () => {
  it('each time, of a model with dropout in training mode, are refused unless they are meant', async () => {
    const teacher = await trial.fixture('dropout.onnx');
    expect(await trial.checked(teacher)).toMatch(
      /^the teacher \(onnx\) answers differently each time it is asked about the same images, by up to [\d.]+: was it exported in training mode, with its dropout\? Export it after model.eval\(\), or say teacher.accept: \[random\]: then the first answer to each view is stored and stays$/,
    );
    expect(await trial.checked({ ...teacher, accept: ['random'] })).toBe('');
    expect(await trial.checked({ ...teacher, accept: ['probabilities'] })).toContain('answers differently each time');
  });

  it('by the other images of a batch, as of batch norms in training mode, are refused', async () => {
    expect(await trial.checked(await trial.fixture('batch-norm.onnx'))).toMatch(
      /^the teacher \(onnx\) answers to an image by the other images of its batch, by up to [\d.]+: was it exported in training mode, with its batch norms\?/,
    );
  });

  it('on a server whose answers are meant to differ, are one draw that the store keeps', async () => {
    let draws = 0;
    trial.server.served.row = (pixels) => linearRow(pixels, 1).map((value) => value + Math.sin(draws++) * 3);
    expect(await trial.checked(trial.served())).toContain('answers differently each time');
    const teacher = trial.served({ accept: ['random'] });
    const [first, second] = [await trial.run(teacher), await trial.run(teacher)];
    const [a, b] = await trial.digestsOfStudents(first, second);
    expect(b).toBe(a);
  });
});
