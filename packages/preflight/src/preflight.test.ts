import { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { RefusedError } from '@mcld/platform/grpc/errors.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { describe, expect, it } from 'vitest';
import { preflight, type Sources } from './preflight.js';

const recipe = parseRecipe({
  name: 'r',
  dataset: { name: 'cifar-10', root: 'own' },
  model: 'resnet8',
  teacher: { digest: 'a'.repeat(64) },
  distiller: { name: 'kd' },
  evaluation: { transfer: [{ name: 'stl-10', root: 'other' }] },
});

type Answer = Partial<DescribeDatasetResponse> | Error | 'never';

const refusalBy = (status: ErrorStatus, message: string, reason: string) =>
  new RemoteError('/Describe', message, { status, reason });

/** A loader that answers by `root/split`, and a teacher. */
function sourcesOf(answers: Readonly<Record<string, Answer>>, teacher?: Error) {
  const aborted: string[] = [];
  const asked: string[] = [];
  const loader = {
    describeDataset({ dataset }: { dataset: DatasetRef }, { signal }: { signal: AbortSignal }) {
      const name = `${dataset.root}/${dataset.split}`;
      const answer = answers[name] ?? {};
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer !== 'never') {
        const usual = { count: 9, classes: 2, classNames: ['a', 'b'], height: 32, width: 32 };
        return Promise.resolve(DescribeDatasetResponse.fromPartial({ ...usual, ...answer }));
      }
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(name);
          reject(signal.reason);
        });
      });
    },
    async *streamPlans() {
      yield {};
    },
  };
  const checkTeacher = async ({ precision }: { precision: string }) => {
    asked.push(precision);
    if (teacher) throw teacher;
  };
  return { sources: { loader, teacher: { checkTeacher } } as unknown as Sources, aborted, asked };
}

/** The error that it ends with. */
const attempt = ({ sources }: { sources: Sources }, signal: AbortSignal = new AbortController().signal) =>
  preflight(recipe, 'a'.repeat(64), sources, signal).then(
    () => new Error('all passed'),
    (error: Error) => error,
  );

describe('preflight', () => {
  it('gives the data to train on where all is right', async () => {
    const { sources, asked } = sourcesOf({ 'own/train': { count: 77 } });
    expect(await preflight(recipe, 'a'.repeat(64), sources, new AbortController().signal)).toMatchObject({ count: 77 });
    expect(asked.sort()).toEqual(['', 'fp32']);
  });

  it('asks no teacher where there is none', async () => {
    const { sources, asked } = sourcesOf({});
    await preflight(recipe, '', sources, new AbortController().signal);
    expect(asked).toEqual([]);
  });

  it('refuses at once what is missing, although something else takes minutes to open', async () => {
    const fake = sourcesOf({
      'own/train': 'never',
      'own/test': refusalBy('NOT_FOUND', 'no file own/test_batch.bin', 'DATASET_MISSING'),
    });
    const begun = performance.now();
    const error = await attempt(fake);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({ status: 'NOT_FOUND', reason: 'DATASET_MISSING' });
    expect(error).toMatchObject({ message: 'dataset.root: no file own/test_batch.bin' });
    // Nobody waits any more.
    expect(fake.aborted).toEqual(['own/train']);
  });

  it('tells the first fault of each field, in the order of the recipe', async () => {
    const missing = (what: string) => refusalBy('NOT_FOUND', `no file ${what}`, 'DATASET_MISSING');
    const fake = sourcesOf(
      {
        'own/train': { height: 0, width: 0 },
        'own/test': missing('own/test_batch.bin'),
        'other/train': refusalBy('DATA_LOSS', 'other/train_X.bin has 7 bytes', 'DATASET_DAMAGED'),
        'other/test': missing('other/test_X.bin'),
      },
      refusalBy('FAILED_PRECONDITION', 'teacher.endpoint h:1 is not among MCLD_TEACHER_ENDPOINTS', 'FOREIGN_MODEL'),
    );
    const error = (await attempt(fake)) as RefusedError;
    expect(error.message.split('\n')).toEqual([
      'dataset.size: images are 0×0, but resnet8 needs at least 1×1: of smaller ones its pooling leaves nothing',
      'dataset.root: no file own/test_batch.bin',
      'teacher.endpoint h:1 is not among MCLD_TEACHER_ENDPOINTS',
      'evaluation.transfer[0].root: other/train_X.bin has 7 bytes',
    ]);
    expect(error.fields.map(({ field }) => field)).toEqual([
      'dataset.size',
      'dataset.root',
      'teacher.endpoint',
      'evaluation.transfer[0].root',
    ]);
    expect(error.status).toBe('INVALID_ARGUMENT');
  });

  it.each([
    [{ classes: 3 }, 'dataset.root: the test split has 3 classes, the training split 2'],
    [{ classNames: ['a', 'c'] }, "dataset.root: class 1 is 'c' in the test split, 'b' in the training split"],
    [{ height: 28, width: 30 }, 'dataset.size: test images are 30×28, training images 32×32; a size makes them equal'],
  ])('refuses a test split with %j', async (test, message) => {
    expect((await attempt(sourcesOf({ 'own/test': test }))).message).toBe(message);
  });

  it.each([
    ['is away', new RemoteError('/Check', 'connection refused', { status: 'UNAVAILABLE' })],
    ['breaks down', new RemoteError('/Check', 'internal error: oops', { status: 'INTERNAL' })],
  ])('does not take for the recipe’s fault that a service %s', async (_name, away) => {
    expect(await attempt(sourcesOf({}, away))).toBe(away);
    // Unless something else is one.
    const error = await attempt(sourcesOf({ 'other/test': { classes: 5 } }, away));
    expect(error.message).toBe('evaluation.transfer[0].root: the test split has 5 classes, the training split 2');
  });

  it('refuses a teacher whose own server is away, and tells first what is wrong besides', async () => {
    const away = refusalBy('UNAVAILABLE', 'h:1 does not answer for m: UNAVAILABLE: not ready', 'TEACHER_ENDPOINT');
    const alone = (await attempt(sourcesOf({}, away))) as RefusedError;
    expect(alone).toBeInstanceOf(RefusedError);
    expect(alone.message).toBe('teacher: h:1 does not answer for m: UNAVAILABLE: not ready');
    expect(alone).toMatchObject({ status: 'UNAVAILABLE', reason: 'TEACHER_ENDPOINT' });
    const missing = refusalBy('NOT_FOUND', 'no file other/test_X.bin', 'DATASET_MISSING');
    const both = (await attempt(sourcesOf({ 'other/test': missing }, away))) as RefusedError;
    expect(both).toMatchObject({ status: 'NOT_FOUND', reason: 'DATASET_MISSING' });
    expect(both.fields.map(({ field }) => field)).toEqual(['teacher', 'evaluation.transfer[0].root']);
  });

  it('ends when it is told to', async () => {
    const error = await attempt(sourcesOf({ 'other/train': 'never' }), AbortSignal.timeout(20));
    expect(error.name).toBe('TimeoutError');
  });
});
