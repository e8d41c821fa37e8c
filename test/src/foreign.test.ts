import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { RunState, StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { usePlace } from './support/place.js';
import { createRun, ended, quickRecipe, reportOf, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 192, test: 100 });

beforeAll(() => mkdir(place.at('modules')));

const pipeline = usePipeline(place, () => ({ settings: { MCLD_DISTILLER_DIR: place.at('modules') } }));

async function exported(runId: string, format: StudentFormat): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const { chunk } of pipeline.client.exportStudent({ runId, format, rawPixels: true })) {
    pieces.push(Buffer.from(chunk));
  }
  return Buffer.concat(pieces);
}

async function imported(model: string, file: Uint8Array): Promise<string> {
  async function* pieces() {
    yield { model, chunk: Buffer.from(file) };
  }
  return (await pipeline.client.importTeacher(pieces())).teacherDigest;
}

const student = (teacher: Record<string, unknown>, changes: Record<string, unknown> = {}) =>
  quickRecipe(place.data, { teacher, distiller: { name: 'kd' }, epochs: 1, ...changes });

/** How CreateRun refuses a recipe. */
async function refusal(recipe: Record<string, unknown>): Promise<string> {
  const error = await createRun(pipeline.client, recipe).catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(RemoteError);
  return (error as RemoteError).message;
}

/** Why a run failed. */
async function failure(recipe: Record<string, unknown>): Promise<string> {
  const { id } = await createRun(pipeline.client, recipe);
  const run = await ended(pipeline.client, id);
  expect(run.state).toBe(RunState.FAILED);
  return run.error;
}

describe('a student that leaves', () => {
  it('as ONNX teaches again, in onnxruntime and on a server of the Open Inference Protocol', async () => {
    const teacher = await runToEnd(pipeline.client, quickRecipe(place.data, { model: 'resnet14' }));
    const digest = await imported('', await exported(teacher.id, StudentFormat.ONNX));
    const direct = await runToEnd(pipeline.client, student({ run: teacher.id }));
    const onnx = await runToEnd(pipeline.client, student({ digest }));
    const [a, b] = [await reportOf(pipeline.client, direct.id), await reportOf(pipeline.client, onnx.id)];
    // The evaluator's teacher answers for the whole test set: as the weights' own logits do.
    expect(b.metrics.agreement).toBeCloseTo(a.metrics.agreement as number, 1);

    // The teacher service itself speaks the protocol; the same logits make the same student.
    const endpoint = pipeline.addresses['teacher-inference'];
    const remote = await runToEnd(pipeline.client, student({ endpoint, name: direct.teacherDigest }));
    expect((await reportOf(pipeline.client, remote.id)).modelSha256).toBe(a.modelSha256);
  });

  it('is written by the command, with its labels', async () => {
    const run = await runToEnd(pipeline.client, quickRecipe(place.data, { epochs: 1 }));
    const home = ['--endpoint', pipeline.endpoint];
    const weights = place.at('student.safetensors');
    const graph = place.at('student.onnx');
    const labels = place.at('labels.txt');
    await writeFile(labels, Array.from({ length: 100 }, (_, i) => `class ${i}\n`).join(''));
    expect((await cli(['export', run.id, '-o', weights, ...home])).code).toBe(0);
    expect((await cli(['export', run.id, '-o', graph, '--labels', labels, '--raw-pixels', ...home])).code).toBe(0);
    expect(decodeSafetensors(await readFile(weights)).metadata).toMatchObject({ model: 'resnet8', format: 'pt' });
    expect((await readFile(graph)).includes('"class 99"')).toBe(true);
    const wrong = await cli(['export', run.id, '-o', place.at('student.h5'), ...home]);
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
    const teacher = await runToEnd(pipeline.client, quickRecipe(place.data, { epochs: 1 }));
    const file = decodeSafetensors(await exported(teacher.id, StudentFormat.SAFETENSORS)).tensors;
    const { encodeOnnx } = await import('@mcld/models/formats/onnx-export.js');
    const cut = new Map(file);
    cut.set('fc.weight', { shape: [7, 64], data: new Float32Array(7 * 64) });
    cut.set('fc.bias', { shape: [7], data: new Float32Array(7) });
    const digest = await imported('', encodeOnnx('resnet8', 7, cut, { fold: true }));
    expect(await refusal(student({ digest }))).toBe('teacher: the teacher has 7 classes, the data set 100');
  });

  it('on a server that is not there is refused by name', async () => {
    await expect(
      createRun(pipeline.client, student({ endpoint: '127.0.0.1:9', name: 'resnet' })),
    ).rejects.toMatchObject({
      status: 'UNAVAILABLE',
      message: expect.stringMatching(/^teacher: 127\.0\.0\.1:9 does not describe the model resnet/),
    });
  });
});

describe('a distiller of the user’s own', () => {
  const file = (name: string) => place.at('modules', name);
  const recipe = (distiller: Record<string, unknown>) =>
    quickRecipe(place.data, { distiller: { name: 'module', needsTeacher: false, ...distiller }, epochs: 1 });

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
    const run = await runToEnd(pipeline.client, recipe({ path: 'entropy.mjs', options: { penalty: 0.01 } }));
    const { history } = await reportOf(pipeline.client, run.id);
    expect(history[0]).toMatchObject({ losses: { large: expect.any(Number) } });
  });

  it('is refused outside its folder, and with options that it does not take', async () => {
    await writeFile(place.at('outside.mjs'), 'export default () => ({});');
    expect(await failure(recipe({ path: '../outside.mjs' }))).toContain('lies outside MCLD_DISTILLER_DIR');
    expect(await failure(recipe({ path: 'nowhere.mjs' }))).toContain('no such file');
    expect(await failure(recipe({ path: 'entropy.mjs', options: { penalty: 'much' } }))).toContain('penalty');
  });
});

describe('a loss that is not a number', () => {
  it('fails the run with its step, its term and the checkpoint that is left', async () => {
    const diverging = quickRecipe(place.data, { optimizer: { lr: 1e30 }, schedule: { name: 'multi-step' } });
    expect(await failure(diverging)).toMatch(
      /step \d+: the loss term 'ce' is (NaN|Infinity); there is no checkpoint yet/,
    );
  });
});
