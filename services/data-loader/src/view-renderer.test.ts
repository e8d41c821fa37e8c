import { mkdtemp, readdir, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { noAugmentation } from '@mcld/datasets/views/augmentation.js';
import { createLogger } from '@mcld/platform/logging.js';
import { describe, expect, it } from 'vitest';
import { DatasetCache } from './dataset-cache.js';
import { ViewRenderer } from './view-renderer.js';

const samples = fileURLToPath(new URL('../../../samples', import.meta.url));
const datasetsWith = (copies?: string) =>
  new DatasetCache(samples, false, new FingerprintMemory(undefined), createLogger('test', 'silent'), {
    ...(copies && { copies }),
  });

describe('decoded copies', () => {
  const ref = DatasetRef.fromPartial({
    name: 'tiny-imagenet',
    root: 'tiny-imagenet-200',
    split: 'test',
    size: 40,
    resize: 44,
  });
  const views = { index: Uint32Array.of(3, 99, 3, 50), code: Uint32Array.of(0, 161, 80, 7) };

  it.each([
    ['crops', { ...noAugmentation, cropPadding: 4, horizontalFlip: true }],
    ['whole images', noAugmentation],
    ['colours', { ...noAugmentation, colorJitter: { brightness: 0.4, contrast: 0, saturation: 0, hue: 0.1 } }],
  ])('give the pixels of %s that decoding gives, also when made again', async (_, augmentation) => {
    const codes =
      augmentation.cropPadding > 0 || augmentation.horizontalFlip || 'colorJitter' in augmentation
        ? views.code
        : new Uint32Array(4);
    const asked = { index: views.index, code: codes };
    const folder = await mkdtemp(path.join(tmpdir(), 'mcld-copies-'));
    const draw = async (copies?: string) =>
      new ViewRenderer(1 << 20).render(await datasetsWith(copies).get(ref), augmentation, 5, asked);
    const expected = await draw();
    expect(await draw(folder)).toEqual(expected);
    const [copy] = await readdir(folder);
    expect(copy).toMatch(/^[0-9a-f]{64}\.u8$/);
    expect(await draw(folder)).toEqual(expected);
    await truncate(path.join(folder, copy!), 1000);
    expect(await draw(folder)).toEqual(expected);
  });

  it('are not made for views of random boxes', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'mcld-copies-'));
    const augmentation = {
      ...noAugmentation,
      randomResizedCrop: { scale: [0.5, 1], ratio: [1, 1] } as { scale: [number, number]; ratio: [number, number] },
    };
    await new ViewRenderer(1 << 20).render(await datasetsWith(folder).get(ref), augmentation, 5, views);
    expect(await readdir(folder)).toEqual([]);
  });
});
