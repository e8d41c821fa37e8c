/**
 * Mixup and CutMix: the teacher sees the pixels that the student sees, nothing of them is stored, runs repeat to the
 * bit.
 */
import { expect, it } from 'vitest';
import { usePlace } from './support/place.js';
import { quickRecipe, reportOf, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 160, test: 64 });
const pipeline = usePipeline(place);

it('train a student of the teacher’s logits of the mixed pixels', async () => {
  const { client, loader, teachers, inference } = pipeline;
  const teacher = await runToEnd(client, quickRecipe(place.data, { epochs: 1 }));
  const student = (changes: object) =>
    runToEnd(
      client,
      quickRecipe(place.data, { teacher: { run: teacher.id }, distiller: { name: 'kd' }, dataSeed: 2, ...changes }),
    );
  const mix = { mixup: 0.2, cutmix: 1 };
  const [first, second, plain] = [await student({ mix }), await student({ mix }), await student({})];
  const reports = await Promise.all([first, second, plain].map(({ id }) => reportOf(client, id)));
  expect(reports[1]!.modelSha256).toBe(reports[0]!.modelSha256);
  expect(reports[2]!.modelSha256).not.toBe(reports[0]!.modelSha256);
  expect((reports[0] as unknown as { logits: unknown }).logits).toMatchObject({ precision: 'unstored', rows: 0 });

  const { teacherDigest } = first;
  const spec = {
    dataset: { name: 'cifar-100', root: place.data, split: 'train' },
    batchSize: 64,
    augmentation: { cropPadding: 4, horizontalFlip: true },
    shuffle: true,
    seed: 2,
    mix,
  };
  const request = { spec, from: { epoch: 0, step: 0 }, epochs: 1 };
  const told = teachers.streamRows({ teacherDigest, ...request })[Symbol.asyncIterator]();
  const shares = new Set<number>();
  for await (const { pixels, labels, ownShare } of loader.streamBatches(request)) {
    shares.add(ownShare);
    const { rawOutputContents } = await inference.modelInfer({
      modelName: teacherDigest,
      inputs: [{ name: 'image', datatype: 'UINT8', shape: [labels.length, 32, 32, 3] }],
      rawInputContents: [pixels],
    });
    const step = (await told.next()).value as { values: Uint8Array };
    expect(Buffer.compare(step.values, rawOutputContents[0]!)).toBe(0);
  }
  expect(shares.size).toBe(3);
  expect(Math.min(...shares)).toBeGreaterThan(0.4);
  const warm = teachers.warmRows({ teacherDigest, spec, epochs: 1 })[Symbol.asyncIterator]();
  await expect(warm.next()).rejects.toThrow('logits of mixed images are not stored');
});
