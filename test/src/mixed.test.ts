/**
 * Mixup and CutMix: the teacher sees the pixels that the student sees, nothing of them is stored, runs repeat to the
 * bit.
 */
import path from 'node:path';
import { type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { GRPCInferenceServiceDefinition } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scratch, smallCifar } from './support/data.js';
import { pipelineAt, quickRecipe, reportOf, runToEnd } from './support/runs.js';

let place: Awaited<ReturnType<typeof scratch>>;
let data: string;
let pipeline: EmbeddedPipeline;

beforeAll(async () => {
  place = await scratch();
  data = await smallCifar(place.folder, 160, 64);
  pipeline = await startEmbedded({ home: path.join(place.folder, 'home') });
});

afterAll(async () => {
  await pipeline?.close();
  await place.remove();
});

it('train a student of the teacher’s logits of the mixed pixels', async () => {
  const { client, close } = pipelineAt(pipeline.endpoint);
  const teacher = await runToEnd(client, quickRecipe(data, { epochs: 1 }));
  const student = (changes: object) =>
    runToEnd(
      client,
      quickRecipe(data, { teacher: { run: teacher.id }, distiller: { name: 'kd' }, dataSeed: 2, ...changes }),
    );
  const mix = { mixup: 0.2, cutmix: 1 };
  const [first, second, plain] = [await student({ mix }), await student({ mix }), await student({})];
  const reports = await Promise.all([first, second, plain].map(({ id }) => reportOf(client, id)));
  expect(reports[1]!.modelSha256).toBe(reports[0]!.modelSha256);
  expect(reports[2]!.modelSha256).not.toBe(reports[0]!.modelSha256);
  expect((reports[0] as unknown as { logits: unknown }).logits).toMatchObject({ precision: 'unstored', rows: 0 });

  const { teacherDigest } = first;
  const config = readConfig({});
  const loader = openClient(DataLoaderServiceDefinition, pipeline.addresses['data-loader'] as string, config);
  const address = pipeline.addresses['teacher-inference'] as string;
  const logits = openClient(TeacherInferenceServiceDefinition, address, config);
  const inference = openClient(GRPCInferenceServiceDefinition, address, config);
  const spec = {
    dataset: { name: 'cifar-100', root: data, split: 'train' },
    batchSize: 64,
    augmentation: { cropPadding: 4, horizontalFlip: true },
    shuffle: true,
    seed: 2,
    mix,
  };
  const request = { spec, from: { epoch: 0, step: 0 }, epochs: 1 };
  const told = logits.client.streamRows({ teacherDigest, ...request })[Symbol.asyncIterator]();
  const shares = new Set<number>();
  for await (const { pixels, labels, ownShare } of loader.client.streamBatches(request)) {
    shares.add(ownShare);
    const { rawOutputContents } = await inference.client.modelInfer({
      modelName: teacherDigest,
      inputs: [{ name: 'image', datatype: 'UINT8', shape: [labels.length, 32, 32, 3] }],
      rawInputContents: [pixels],
    });
    const step = (await told.next()).value as { values: Uint8Array };
    expect(Buffer.compare(step.values, rawOutputContents[0]!)).toBe(0);
  }
  expect(shares.size).toBe(3);
  expect(Math.min(...shares)).toBeGreaterThan(0.4);
  const warm = logits.client.warmRows({ teacherDigest, spec, epochs: 1 })[Symbol.asyncIterator]();
  await expect(warm.next()).rejects.toThrow('logits of mixed images are not stored');
  for (const open of [loader, logits, inference]) open.close();
  close();
});
