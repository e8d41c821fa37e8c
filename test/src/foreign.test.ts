import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { RunState, StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { scratch, smallCifar } from './support/data.js';
import { createRun, ended, pipelineAt, quickRecipe, reportOf, runToEnd } from './support/runs.js';

let place: Awaited<ReturnType<typeof scratch>>;
let data: string;
let pipeline: EmbeddedPipeline;
let open: ReturnType<typeof pipelineAt>;

beforeAll(async () => {
  place = await scratch();
  data = await smallCifar(place.folder, 192, 100);
  const modules = path.join(place.folder, 'modules');
  await mkdir(modules);
  process.env.MCLD_DISTILLER_DIR = modules;
  pipeline = await startEmbedded({ home: path.join(place.folder, 'home') });
  open = pipelineAt(pipeline.endpoint);
});

afterAll(async () => {
  delete process.env.MCLD_DISTILLER_DIR;
  open.close();
  await pipeline.close();
  await place.remove();
});

async function exported(runId: string, format: StudentFormat): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const { chunk } of open.client.exportStudent({ runId, format, rawPixels: true })) {
    pieces.push(Buffer.from(chunk));
  }
  return Buffer.concat(pieces);
}

async function imported(model: string, file: Uint8Array): Promise<string> {
  async function* pieces() {
    yield { model, chunk: Buffer.from(file) };
  }
  return (await open.client.importTeacher(pieces())).teacherDigest;
}

const student = (teacher: Record<string, unknown>, changes: Record<string, unknown> = {}) =>
  quickRecipe(data, { teacher, distiller: { name: 'kd' }, epochs: 1, ...changes });

/** How CreateRun refuses a recipe. */
async function refusal(recipe: Record<string, unknown>): Promise<string> {
  const error = await createRun(open.client, recipe).catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(RemoteError);
  return (error as RemoteError).message;
}

/** Why a run failed. */
async function failure(recipe: Record<string, unknown>): Promise<string> {
  const { id } = await createRun(open.client, recipe);
  const run = await ended(open.client, id);
  expect(run.state).toBe(RunState.FAILED);
  return run.error;
}

describe('a student that leaves', () => {
  it('as ONNX teaches again, in onnxruntime and on a server of the Open Inference Protocol', async () => {
    const teacher = await runToEnd(open.client, quickRecipe(data, { model: 'resnet14' }));
    const digest = await imported('', await exported(teacher.id, StudentFormat.ONNX));
    const direct = await runToEnd(open.client, student({ run: teacher.id }));
    const onnx = await runToEnd(open.client, student({ digest }));
    const [a, b] = [await reportOf(open.client, direct.id), await reportOf(open.client, onnx.id)];
    // The evaluator's teacher answers for the whole test set: as the weights' own logits do.
    expect(b.metrics.agreement).toBeCloseTo(a.metrics.agreement as number, 1);

    // The teacher service itself speaks the protocol; the same logits make the same student.
    const endpoint = pipeline.addresses['teacher-inference'] as string;
    const remote = await runToEnd(open.client, student({ endpoint, name: direct.teacherDigest }));
    expect((await reportOf(open.client, remote.id)).modelSha256).toBe(a.modelSha256);
  });

  it('is written by the command, with its labels', async () => {
    const run = await runToEnd(open.client, quickRecipe(data, { epochs: 1 }));
    const home = ['--endpoint', pipeline.endpoint];
    const weights = path.join(place.folder, 'student.safetensors');
    const graph = path.join(place.folder, 'student.onnx');
    const labels = path.join(place.folder, 'labels.txt');
    await writeFile(labels, Array.from({ length: 100 }, (_, i) => `class ${i}\n`).join(''));
    expect((await cli(['export', run.id, '-o', weights, ...home])).code).toBe(0);
    expect((await cli(['export', run.id, '-o', graph, '--labels', labels, '--raw-pixels', ...home])).code).toBe(0);
    expect(decodeSafetensors(await readFile(weights)).metadata).toMatchObject({ model: 'resnet8', format: 'pt' });
    expect((await readFile(graph)).includes('"class 99"')).toBe(true);
    const wrong = await cli(['export', run.id, '-o', path.join(place.folder, 'student.h5'), ...home]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('.safetensors or .onnx')]);
  });
});

describe('a teacher that cannot teach', () => {
  it.each([
    ['no format that is known', Buffer.alloc(64, 7), 'neither safetensors, nor a PyTorch checkpoint, nor an ONNX'],
    ['a zip archive that is none of PyTorch’s', Buffer.from('PK\x03\x04nothing'), 'no valid zip archive'],
  ])('%s is refused when it comes in', async (_name, file, message) => {
    await expect(imported('resnet8', file)).rejects.toThrow(message);
  });

  it('with another number of classes is refused by both numbers', async () => {
    const teacher = await runToEnd(open.client, quickRecipe(data, { epochs: 1 }));
    const file = decodeSafetensors(await exported(teacher.id, StudentFormat.SAFETENSORS)).tensors;
    const { encodeOnnx } = await import('@mcld/models/formats/onnx-export.js');
    const cut = new Map(file);
    cut.set('fc.weight', { shape: [7, 64], data: new Float32Array(7 * 64) });
    cut.set('fc.bias', { shape: [7], data: new Float32Array(7) });
    const digest = await imported('', encodeOnnx('resnet8', 7, cut, { fold: true }));
    expect(await refusal(student({ digest }))).toBe('teacher: the teacher has 7 classes, the data set 100');
  });

  it('on a server that is not there is refused by name', async () => {
    await expect(createRun(open.client, student({ endpoint: '127.0.0.1:9', name: 'resnet' }))).rejects.toMatchObject({
      status: 'UNAVAILABLE',
      message: expect.stringMatching(/^teacher: 127\.0\.0\.1:9 does not describe the model resnet/),
    });
  });
});

describe('a distiller of the user’s own', () => {
  const file = (name: string) => path.join(process.env.MCLD_DISTILLER_DIR as string, name);
  const recipe = (distiller: Record<string, unknown>) =>
    quickRecipe(data, { distiller: { name: 'module', needsTeacher: false, ...distiller }, epochs: 1 });

  it('is loaded from its module, with its options', async () => {
    await writeFile(
      file('entropy.mjs'),
      `export default ({ tf, z, defineDistiller }) => defineDistiller({
        summary: 'cross-entropy and a penalty on large logits', source: '', needsTeacher: false,
        options: z.strictObject({ penalty: z.number() }),
        create: ({ penalty }) => ({ zs, crossEntropy }) => ({
          ce: { value: crossEntropy(), weight: 1 },
          large: { value: tf.mean(tf.square(zs)), weight: penalty },
        }),
      });`,
    );
    const run = await runToEnd(open.client, recipe({ path: 'entropy.mjs', options: { penalty: 0.01 } }));
    const { history } = await reportOf(open.client, run.id);
    expect(history[0]).toMatchObject({ losses: { large: expect.any(Number) } });
  });

  it('is refused outside its folder, and with options that it does not take', async () => {
    await writeFile(path.join(place.folder, 'outside.mjs'), 'export default () => ({});');
    expect(await failure(recipe({ path: '../outside.mjs' }))).toContain('lies outside MCLD_DISTILLER_DIR');
    expect(await failure(recipe({ path: 'nowhere.mjs' }))).toContain('no such file');
    expect(await failure(recipe({ path: 'entropy.mjs', options: { penalty: 'much' } }))).toContain('penalty');
  });
});

describe('a loss that is not a number', () => {
  it('fails the run with its step, its term and the checkpoint that is left', async () => {
    const diverging = quickRecipe(data, { optimizer: { lr: 1e30 }, schedule: { name: 'multi-step' } });
    expect(await failure(diverging)).toMatch(
      /step \d+: the loss term 'ce' is (NaN|Infinity); there is no checkpoint yet/,
    );
  });
});
