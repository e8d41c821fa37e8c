import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { createLogger } from '@mcld/platform/logging.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { DatasetCache } from './dataset-cache.js';

const photograph = fileURLToPath(
  new URL('../../../samples/tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG', import.meta.url),
);

let root: string;
let datasets: DatasetCache;

const add = async (...place: string[]) => {
  await mkdir(path.join(root, ...place.slice(0, -1)), { recursive: true });
  await cp(photograph, path.join(root, ...place));
};
const count = async (split: string, look: boolean) =>
  (await datasets.get(DatasetRef.fromPartial({ name: 'image-folder', root, split }), { look })).data.count;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'mcld-datasets-'));
  for (const split of ['train', 'val']) for (const kind of ['cat', 'dog']) await add(split, kind, 'a.jpg');
  datasets = new DatasetCache(root, true, new FingerprintMemory(undefined), createLogger('test', 'silent'));
});

describe('a data set that is kept open', () => {
  it('is opened again when it is looked at after a change of its folders, and only then', async () => {
    expect(await count('train', false)).toBe(2);
    await add('train', 'cat', 'b.jpg');
    expect(await count('train', false)).toBe(2);
    expect(await count('train', true)).toBe(3);
    await add('train', 'eel', 'a.jpg');
    expect(await count('train', true)).toBe(4);
  });

  it('is the same one where nothing changed', async () => {
    const ref = DatasetRef.fromPartial({ name: 'image-folder', root, split: 'train' });
    const [first, second] = [await datasets.get(ref), await datasets.get(ref, { look: true })];
    expect(second.data).toBe(first.data);
  });

  it('is missed when it is looked at after its split has gone', async () => {
    expect(await count('test', true)).toBe(2);
    await rm(path.join(root, 'val'), { recursive: true });
    expect(await count('test', false)).toBe(2);
    await expect(count('test', true)).rejects.toThrow("has no split 'test'");
  });

  it('is read once for all who ask for it while it is being opened', async () => {
    const ref = DatasetRef.fromPartial({ name: 'image-folder', root, split: 'train' });
    const [first, second] = await Promise.all([datasets.get(ref), datasets.get(ref)]);
    expect(second.data).toBe(first.data);
  });

  it('is tried again after it failed to open', async () => {
    await rm(path.join(root, 'train'), { recursive: true });
    await expect(count('train', false)).rejects.toThrow("has no split 'train'");
    for (const kind of ['cat', 'dog']) await add('train', kind, 'a.jpg');
    expect(await count('train', false)).toBe(2);
  });

  it('is opened for all who ask, also where more are asked for than are kept', async () => {
    const opening = Array.from({ length: 12 }, async (_, i) => {
      const name = `set-${i}`;
      for (const kind of ['cat', 'dog']) await add(name, 'train', kind, 'a.jpg');
      const ref = DatasetRef.fromPartial({ name: 'image-folder', root: path.join(root, name), split: 'train' });
      return (await datasets.get(ref)).data.count;
    });
    expect(await Promise.all(opening)).toEqual(Array(12).fill(2));
  });
});
