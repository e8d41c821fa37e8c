import { mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Augmentation, BatchSpec, DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { BatchSequence } from '@mcld/datasets/views/batch-sequence.js';
import { cursorOf, nextCursor, START, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { createLogger } from '@mcld/platform/logging.js';
import { describe, expect, it } from 'vitest';
import { DatasetCache } from './dataset-cache.js';
import { augmentationOf, epochsOf, mixOf, sequenceSpecOf, viewsOf } from './requests.js';

describe('requests from the wire', () => {
  const size = { height: 32, width: 32 };
  const augmentation = augmentationOf(Augmentation.fromPartial({ cropPadding: 4, horizontalFlip: true }));

  it.each([
    [{}, 'spec.batch_size 0: expected 1 to'],
    [{ batchSize: 8193 }, 'spec.batch_size 8193: expected 1 to 8192'],
    [{ batchSize: 4096, augmentation: { viewsPerStep: 4 } }, 'spec.batch_size 4096: expected 1 to 2048'],
  ])('refuse the specification %j', (spec, message) => {
    expect(() => sequenceSpecOf(BatchSpec.fromPartial(spec), 10, size)).toThrow(message);
  });

  it.each([
    [100, 32],
    [96, 32],
    [1, 32],
  ])('of %i images in batches of %i make the steps that clients count', (count, batchSize) => {
    const sequence = new BatchSequence(sequenceSpecOf(BatchSpec.fromPartial({ batchSize }), count, size));
    const stepsPerEpoch = stepsPerEpochOf(count, batchSize);
    const cursors = [...sequence.cursors(START, 3)];
    expect(cursors).toEqual(Array.from({ length: 3 * stepsPerEpoch }, (_, step) => cursorOf(step, stepsPerEpoch)));
    for (const [i, cursor] of cursors.slice(1).entries())
      expect(nextCursor(cursors[i]!, stepsPerEpoch)).toEqual(cursor);
  });

  it('refuse a batch of more bytes than are sent', () => {
    const large = { height: 1024, width: 1024 };
    expect(() => sequenceSpecOf(BatchSpec.fromPartial({ batchSize: 512 }), 10, large)).toThrow('1610612736 bytes');
  });

  it.each([
    [{ cropPadding: 99 }, 'augmentation.cropPadding'],
    [{ randomResizedCrop: { scale: [1, 0.5], ratio: [1, 1] } }, 'augmentation.randomResizedCrop.scale'],
    [{ randomResizedCrop: { scale: [0.5], ratio: [1, 1] } }, 'augmentation.randomResizedCrop.scale'],
    [{ randAugment: { ops: 200, magnitude: 1 } }, 'augmentation.randAugment.ops'],
    [{ colorJitter: { hue: Number.NaN } }, 'augmentation.colorJitter.hue'],
    [{ viewsPerStep: 1000 }, 'augmentation.viewsPerStep'],
  ])('refuse the augmentation %j', (wire, message) => {
    expect(() => augmentationOf(Augmentation.fromPartial(wire))).toThrow(message);
  });

  it('refuse a mix that cannot be, and take none for none', () => {
    expect(() => mixOf({ mixup: 2, cutmix: 0 })).toThrow('spec.mix.mixup: Too big');
    expect([mixOf(undefined), mixOf({ mixup: 0, cutmix: 0 })]).toEqual([undefined, undefined]);
    expect(mixOf({ mixup: 0.2, cutmix: 0 })).toEqual({ mixup: 0.2, cutmix: 0 });
  });

  it('refuse views that are not there', () => {
    const refusal = (index: number[], code: number[]) => () => viewsOf({ index, code }, augmentation, 10, size);
    expect(refusal([10], [0])).toThrow('views.index[0] 10: the data set has 10 images');
    expect(refusal([0], [162])).toThrow('views.code[0] 162: there are 162 views');
    expect(refusal([0, 1], [0])).toThrow('2 indices and 1 codes');
    expect(refusal([], [])).toThrow('0 indices');
  });

  it.each([0, -1, 2 ** 20 + 1])('refuse %i epochs', (epochs) => {
    expect(() => epochsOf(epochs)).toThrow(`epochs ${epochs}: expected 1 to`);
  });

  it('cannot lead out of the data folder, by .. or by a link', async () => {
    const base = await mkdtemp(path.join(tmpdir(), 'mcld-datasets-'));
    const folder = path.join(base, 'data');
    await mkdir(folder);
    await mkdir(path.join(base, 'secret'));
    await symlink(path.join(base, 'secret'), path.join(folder, 'link'));
    const datasets = new DatasetCache(folder, false, new FingerprintMemory(undefined), createLogger('test', 'silent'));
    for (const root of ['../secret', 'link', path.join(base, 'secret')]) {
      const ref = DatasetRef.fromPartial({ name: 'cifar-100', root, split: 'train' });
      await expect(datasets.get(ref)).rejects.toThrow("lies outside the loader's data folder");
    }
    await expect(datasets.get(DatasetRef.fromPartial({ name: 'mnist', root: '.', split: 'train' }))).rejects.toThrow(
      "dataset.name 'mnist': expected one of",
    );
  });
});
