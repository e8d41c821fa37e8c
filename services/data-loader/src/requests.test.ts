import { mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DatasetShelf } from './dataset-shelf.js';
import { augmentationOf, sequenceSpecOf, viewsOf } from './requests.js';

describe('requests from the wire', () => {
  it('are refused by field when they cannot be', () => {
    expect(() => sequenceSpecOf(undefined, 10)).toThrow('spec.batch_size 0: expected 1 to');
    expect(() => augmentationOf({ cropPadding: 99, horizontalFlip: false })).toThrow('augmentation.crop_padding 99');
    const augmentation = { cropPadding: 4, horizontalFlip: true };
    expect(() => viewsOf({ index: [10], code: [0] }, augmentation, 10)).toThrow(
      'views.index[0] 10: the data set has 10 images',
    );
    expect(() => viewsOf({ index: [0], code: [162] }, augmentation, 10)).toThrow(
      'views.code[0] 162: there are 162 views',
    );
    expect(() => viewsOf({ index: [0, 1], code: [0] }, augmentation, 10)).toThrow('2 indices and 1 codes');
  });

  it('cannot lead out of the data folder, by .. or by a link', async () => {
    const base = await mkdtemp(path.join(tmpdir(), 'mcld-shelf-'));
    const folder = path.join(base, 'data');
    await mkdir(folder);
    await mkdir(path.join(base, 'secret'));
    await symlink(path.join(base, 'secret'), path.join(folder, 'link'));
    const shelf = new DatasetShelf(folder, false);
    for (const root of ['../secret', 'link', path.join(base, 'secret')]) {
      const ref = { name: 'cifar-100', root, split: 'train', size: 0 };
      await expect(shelf.get(ref)).rejects.toThrow("lies outside the loader's data folder");
    }
    await expect(shelf.get({ name: 'mnist', root: '.', split: 'train', size: 0 })).rejects.toThrow(
      "dataset.name 'mnist': expected one of",
    );
  });
});
