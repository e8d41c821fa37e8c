/** Any batch equals itself: from another process, another replica, another order of asking, and after a restart. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { TestPipeline } from './support/test-pipeline.js';

const SPECS = 60;

const place = usePlace();

const samples = (name: string) => path.join(projectRoot, 'samples', name);

const augmentation = fc.record({
  cropPadding: fc.integer({ min: 0, max: 8 }),
  horizontalFlip: fc.boolean(),
  randomResizedCrop: fc.option(fc.constant({ scale: [0.2, 1] as number[], ratio: [0.75, 1.5] as number[] }), {
    nil: undefined,
  }),
  colorJitter: fc.option(fc.constant({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }), {
    nil: undefined,
  }),
  randAugment: fc.option(fc.constant({ ops: 2, magnitude: 9 }), { nil: undefined }),
  randomErasing: fc.option(
    fc.constant({ probability: 0.5, area: [0.02, 0.3] as number[], ratio: [0.3, 3] as number[] }),
    { nil: undefined },
  ),
  viewsPerImage: fc.integer({ min: 0, max: 3 }),
  viewsPerStep: fc.integer({ min: 1, max: 2 }),
});

const dataset = fc.oneof(
  fc.constant({ name: 'cifar-100', root: samples('cifar-100-binary'), split: 'train', size: 0, resize: 0 }),
  fc.constant({ name: 'tiny-imagenet', root: samples('tiny-imagenet-200'), split: 'train', size: 0, resize: 0 }),
  fc.constant({ name: 'tiny-imagenet', root: samples('tiny-imagenet-200'), split: 'test', size: 40, resize: 44 }),
  fc.constant({ name: 'stl-10', root: samples('stl10_binary'), split: 'train', size: 32, resize: 0 }),
);

const job = fc.record({
  spec: fc.record({
    dataset,
    batchSize: fc.integer({ min: 1, max: 30 }),
    augmentation,
    shuffle: fc.boolean(),
    seed: fc.nat(2 ** 32 - 1),
  }),
  epoch: fc.integer({ min: 0, max: 300 }),
  step: fc.integer({ min: 0, max: 2 }),
});

type Job = typeof job extends fc.Arbitrary<infer T> ? T : never;

function elsewhere(jobs: readonly Job[]): Promise<string[]> {
  const child = fileURLToPath(new URL('./support/views-child.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const running = execFile(process.execPath, [child], { maxBuffer: 1 << 24 }, (error, output) => {
      if (error) reject(error);
      else resolve(JSON.parse(output) as string[]);
    });
    running.stdin?.end(JSON.stringify(jobs));
  });
}

it('whatever the specification', async () => {
  // The same specifications each time: one that fails can be looked at.
  const jobs = fc.sample(job, { numRuns: SPECS, seed: 2024 });
  const there = elsewhere(jobs);
  const here = async () => {
    const pipeline = await TestPipeline.start({ home: place.at('home') });
    const client = pipeline.loader;
    // Many at once, so that they share decodes and come in any order.
    const digests = await Promise.all(
      jobs.map(async ({ spec, epoch, step }) => {
        const hash = createHash('sha256');
        for await (const message of client.streamBatches({ spec, from: { epoch, step }, epochs: epoch + 1 })) {
          if (message.cursor?.step !== step) break;
          hash.update(message.pixels).update(JSON.stringify([message.labels, message.views]));
        }
        return hash.digest('hex');
      }),
    );
    await pipeline.close();
    return digests;
  };
  const first = await here();
  expect(new Set(first).size).toBeGreaterThan(SPECS / 2);
  expect(await here()).toEqual(first);
  expect(await there).toEqual(first);
});

it('whether it comes first in its stream or after others, read at once or slowly', async () => {
  const pipeline = await TestPipeline.start({ home: place.at('streams') });
  const client = pipeline.loader;
  const dataset = { name: 'cifar-100', root: samples('cifar-100-binary'), split: 'train' };
  const spec = {
    dataset,
    batchSize: 128,
    augmentation: { cropPadding: 4, horizontalFlip: true },
    shuffle: true,
    seed: 6,
  };
  const read = async (from: { epoch: number; step: number }, pause: number) => {
    const digests: string[] = [];
    for await (const { pixels } of client.streamBatches({ spec, from, epochs: 2 })) {
      digests.push(createHash('sha256').update(pixels).digest('hex'));
      if (pause > 0) await sleep(pause);
    }
    return digests;
  };
  const whole = await read({ epoch: 0, step: 0 }, 0);
  expect(new Set(whole).size).toBe(80);
  expect(await read({ epoch: 0, step: 0 }, 5)).toEqual(whole);
  for (const step of [0, 1, 2, 3, 17]) expect(await read({ epoch: 1, step }, 0)).toEqual(whole.slice(40 + step));
  await pipeline.close();
});
