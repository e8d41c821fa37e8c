/** Stored and computed logits are the same bits, whatever batches they were asked for or computed in. */
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { expect, it } from 'vitest';
import { usePlace } from './support/place.js';
import { TestPipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 100, test: 64 });

const weights = Buffer.from(encodeSafetensors(initialState('resnet8', 100, 4), {}));

/** Each view's logits as hex, from a pipeline of its own on the given home. */
async function logitsByView(home: string, batchSize: number) {
  const pipeline = await TestPipeline.start({ home: place.at(home) });
  async function* file() {
    yield { model: 'resnet8', chunk: weights };
  }
  const { teacherDigest } = await pipeline.client.importTeacher(file());
  const augmentation = { cropPadding: 4, horizontalFlip: true };
  const dataset = { name: 'cifar-100', root: place.data, split: 'train', size: 0 };
  const request = {
    spec: { dataset, batchSize, augmentation, shuffle: true, seed: 9 },
    from: { epoch: 0, step: 0 },
    epochs: 2,
  };
  const addresses: string[] = [];
  for await (const { views } of pipeline.loader.streamPlans(request)) {
    for (const [i, index] of views!.index.entries()) addresses.push(`${index} ${views!.code[i]}`);
  }
  const rows = new Map<string, string>();
  let at = 0;
  for await (const { part, values } of pipeline.teachers.streamRows({ teacherDigest, ...request })) {
    for (let row = 0; row < part!.count; row++)
      rows.set(addresses[at++]!, Buffer.from(values.subarray(row * 400, (row + 1) * 400)).toString('hex'));
  }
  const { counters } = await pipeline.teachers.describeTeacher({ teacherDigest });
  await pipeline.close();
  return { rows, counters: counters! };
}

it('are equal bit for bit: computed, stored, and computed in other batches', async () => {
  const first = await logitsByView('one', 64);
  expect(first.rows.size).toBeGreaterThan(190);
  expect(first.counters.computedViews).toBe(first.rows.size);
  // 200 views in compute batches of 64: only the last is padded.
  expect(first.counters.computeBatches).toBe(Math.ceil(first.rows.size / 64));
  const stored = await logitsByView('one', 64);
  expect(stored.counters.computedViews).toBe(0);
  expect(stored.rows).toEqual(first.rows);
  const elsewhere = await logitsByView('two', 30);
  expect(elsewhere.counters.computedViews).toBe(first.rows.size);
  expect(elsewhere.rows).toEqual(first.rows);
});
