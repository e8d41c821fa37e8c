/** A run whose student diverges does not succeed, whatever it diverges in, and is the best of nothing. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ReportFormat } from '@mcld/contracts/mcld/v1/evaluator.js';
import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { usePlace } from './support/place.js';
import { createRun, ended, quickRecipe, reportOf, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

/** Losses that go wrong in one way each; the steps are of 64 images, one an epoch. */
const losses = {
  // The weights stay finite, and no later step meets what they have become.
  'last-step': 'up: { value: tf.where(tf.equal(step, LAST), tf.mul(tf.mean(zs), 1e38), crossEntropy()), weight: 1 }',
  // A jump after which running statistics lag: batches are finite, whole evaluations are not, for one epoch.
  'one-epoch': 'jump: { value: tf.mul(crossEntropy(), tf.where(tf.equal(step, 1), 1e6, 1)), weight: 1 }',
  // A finite loss of logits that are none.
  blind:
    'up: { value: tf.where(tf.equal(step, 0), tf.mul(tf.mean(zs), 1e38), tf.mean(tf.where(tf.isFinite(zs), zs, tf.zerosLike(zs)))), weight: 1 }',
  // A finite loss whose gradient is none: √x at 0.
  gradient: 'root: { value: tf.mean(tf.sqrt(tf.mul(zs, 0))), weight: 1 }',
  // A term that counts for nothing.
  reported: 'ce: { value: crossEntropy(), weight: 1 }, odd: { value: tf.log(tf.scalar(-1)), weight: 0 }',
};

const place = usePlace({ train: 64, test: 50 });

beforeAll(async () => {
  // Tested on what it was trained on, a student of a few steps has guessed something right.
  await cp(path.join(place.data, 'train.bin'), path.join(place.data, 'test.bin'));
  const modules = place.at('modules');
  await mkdir(modules);
  for (const [name, terms] of Object.entries(losses)) {
    const module = `export default ({ tf, z, defineDistiller }) => defineDistiller({
      summary: '', source: '', needsTeacher: false, options: z.strictObject({ last: z.number().default(0) }),
      create: ({ last }) => ({ zs, step, crossEntropy }) => ({ ${terms.replace('LAST', 'last')} }),
    });`;
    await writeFile(path.join(modules, `${name}.mjs`), module);
  }
});

const pipeline = usePipeline(place, () => ({ settings: { MCLD_DISTILLER_DIR: place.at('modules') } }));

const recipeOf = (loss: keyof typeof losses, epochs: number) =>
  quickRecipe(place.data, {
    name: loss,
    distiller: {
      name: 'module',
      path: `${loss}.mjs`,
      needsTeacher: false,
      options: { last: epochs - 1 },
    },
    optimizer: { lr: 0.1, weightDecay: 0 },
    schedule: { name: 'cosine', finalShare: 1 },
    checkpoint: { keepLast: 100 },
    epochs,
  });

async function outcome(loss: keyof typeof losses, epochs: number): Promise<Run> {
  const { id } = await createRun(pipeline.client, recipeOf(loss, epochs));
  return ended(pipeline.client, id);
}

const command = (...args: string[]) => cli([...args, '--endpoint', pipeline.endpoint]);

async function pageOf(...runIds: string[]): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const { content } of pipeline.client.getRunReport({ runIds, format: ReportFormat.HTML }))
    pieces.push(Buffer.from(content));
  return Buffer.concat(pieces).toString();
}

describe('a student that diverges in its last step', () => {
  let run: Run;

  beforeAll(async () => {
    run = await outcome('last-step', 8);
  });

  it('fails its run by how many images are concerned, and names the checkpoint that is left', async () => {
    expect(run.state).toBe(RunState.FAILED);
    const [, best] =
      /^the student diverged: 64 of 64 test images have logits that are not finite \(the first: image 0\); its best whole checkpoint is of step (\d)$/.exec(
        run.error,
      ) ?? [run.error];
    const { evaluations } = (await reportOf(pipeline.client, run.id)) as unknown as {
      evaluations: { step: number; top1: number; nonFinite: number }[];
    };
    const wanted = evaluations.filter(({ nonFinite }) => nonFinite === 0).sort((a, b) => b.top1 - a.top1)[0];
    expect(wanted?.top1).toBeGreaterThan(0);
    expect(best).toBe(String(wanted?.step));
  });

  it('leaves as the best student that there is', async () => {
    const file = place.at('left.safetensors');
    expect((await command('export', run.id, '-o', file)).code).toBe(0);
    const step = /of step (\d)$/.exec(run.error)?.[1]?.padStart(12, '0') as string;
    const best = path.join(pipeline.home, 'store/runs', run.id, 'checkpoints', step, 'model.safetensors');
    expect((await readFile(file)).equals(await readFile(best))).toBe(true);
  });

  it('leaves as it is at any step that is asked for, and not at a step that has no checkpoint', async () => {
    const file = place.at('at-a-step.safetensors');
    const weights = path.join(pipeline.home, 'store/runs', run.id, 'checkpoints');
    for (const step of [8, 3]) {
      expect((await command('export', run.id, '--step', String(step), '-o', file)).code).toBe(0);
      const expected = await readFile(path.join(weights, String(step).padStart(12, '0'), 'model.safetensors'));
      expect((await readFile(file)).equals(expected)).toBe(true);
    }
    const missing = await command('export', run.id, '--step', '99', '-o', file);
    const there = `run ${run.id} has no checkpoint at step 99: it has those at steps 1, 2, 3, 4, 5, 6, 7, 8`;
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining(there)]);
    expect((await command('export', run.id, '--step', 'x', '-o', file)).code).toBe(2);
  });

  it('has no figure that could be taken for a result', async () => {
    expect(run.metrics).toMatchObject({ count: 64, nonFinite: 64, top1: 0, top5: 0 });
    expect([run.metrics?.crossEntropy, run.metrics?.ece]).toEqual([Number.NaN, Number.NaN]);
    const report = await reportOf(pipeline.client, run.id);
    expect(report.metrics).toMatchObject({ nonFinite: 64, crossEntropy: 'NaN', ece: 'NaN' });
    expect(report).toMatchObject({
      diverged: '64 of 64 test images have logits that are not finite (the first: image 0)',
      worstClasses: [],
    });
    const page = await pageOf(run.id);
    expect(page).toContain('The student diverged: 64 of 64 test images');
    expect(page).toContain('<td><b>diverged</b></td><td>diverged</td><td>NaN</td><td>NaN</td>');
  });

  it('is told by the command as what it is', async () => {
    const watched = await command('watch', run.id);
    expect(watched.stdout).toBe('');
    expect(watched.stderr).toContain(`mcld: run ${run.id} failed: the student diverged: 64 of 64 test images`);
    expect(watched.code).toBe(1);
    expect((await command('ls')).stdout).toMatch(new RegExp(`${run.id} +failed +8 +8 +diverged `));
    const { metrics } = JSON.parse((await command('get', run.id, '--json')).stdout);
    expect(metrics).toMatchObject({ nonFinite: 64, crossEntropy: 'NaN', ece: 'NaN' });
    const events = (await command('watch', run.id, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const final = events.find(({ kind, data: told }) => kind === 'evaluated' && told.final);
    expect(final.data.metrics).toMatchObject({ nonFinite: 64, crossEntropy: 'NaN' });
    expect(events.map(({ kind }) => kind)).not.toContain('succeeded');
  });

  it('cannot teach', async () => {
    const student = quickRecipe(place.data, { teacher: { run: run.id }, distiller: { name: 'kd' } });
    await expect(createRun(pipeline.client, student)).rejects.toThrow('is failed, expected succeeded');
  });
});

describe('a student that diverges for an epoch', () => {
  it('leaves a gap in its curve, and a remark', async () => {
    const { id } = await runToEnd(pipeline.client, recipeOf('one-epoch', 4));
    const { evaluations } = (await reportOf(pipeline.client, id)) as unknown as { evaluations: object[] };
    expect(evaluations[1]).toMatchObject({ epoch: 2, nonFinite: 64, crossEntropy: 'NaN' });
    expect(evaluations[2]).toMatchObject({ epoch: 3, nonFinite: 0, crossEntropy: expect.any(Number) });
    const page = await pageOf(id);
    expect(page).toContain('The test curves have a gap at epoch 2: logits there are not finite.');
    const [curve = ''] = /<svg[^>]*aria-label="Test top-1">[\s\S]*?<\/svg>/.exec(page) ?? [];
    expect(curve.match(/<polyline/g)).toHaveLength(2);
  });
});

describe('a loss that is finite while its student is not', () => {
  it.each([
    [
      'blind',
      /^the student diverged at step 1: the logits of 64 of 64 images are not finite; the newest checkpoint is of step 1$/,
    ],
    [
      'gradient',
      /^the student diverged at step 1: conv1\.weight holds values that are not numbers \(NaN\): 432 of 432; there is no checkpoint yet$/,
    ],
    ['reported', /^the student diverged at step 0: the loss term 'odd' is NaN; there is no checkpoint yet$/],
  ] as const)('fails its run: %s', async (loss, message) => {
    const run = await outcome(loss, 3);
    expect(run.error).toMatch(message);
    expect(run.state).toBe(RunState.FAILED);
  });
});

describe('a teacher whose logits are not finite', () => {
  it('is refused by its own name, before a student could diverge of it', async () => {
    const state = new Map(initialState('resnet8', 100, 1));
    const { shape, data: weights } = state.get('fc.weight')!;
    state.set('fc.weight', { shape, data: weights.map((w) => Math.sign(w) * 3e38) });
    async function* file() {
      yield { model: 'resnet8', chunk: Buffer.from(encodeSafetensors(state, {})) };
    }
    const { teacherDigest } = await pipeline.client.importTeacher(file());
    const spec = { dataset: { name: 'cifar-100', root: place.data, split: 'train' }, batchSize: 64, augmentation: {} };
    const request = { teacherDigest, spec, from: { epoch: 0, step: 0 }, epochs: 1 };
    const read = async () => {
      for await (const _ of pipeline.teachers.streamRows(request));
    };
    await expect(read()).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: expect.stringMatching(
        /^the teacher \(resnet8\) answers to image 0 with (-?Infinity|NaN) for class 0; a student cannot/,
      ),
    });
  });
});
