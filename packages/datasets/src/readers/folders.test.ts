import { chmod, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { keepMemory } from '@mcld/native/memory.js';
import { describe, expect, it } from 'vitest';
import { openImageFolder } from './image-folder.js';
import { at, messageOf, treeOf } from './test-support.js';

const skipDamaged = true;

const refusal = (root: string, split: 'train' | 'test', more = {}): Promise<string> =>
  messageOf(openImageFolder(at(root, split, more)), root);

const two = ['train/cat/1.jpg', 'train/dog/1.jpg'];

describe('files that may not be read', () => {
  /** Root may read everything. */
  async function asNobody<T>(action: () => Promise<T>): Promise<T> {
    const isRoot = process.geteuid?.() === 0;
    // Its libraries may lie where only root may read.
    keepMemory();
    if (isRoot) process.seteuid?.('nobody');
    try {
      return await action();
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  }

  it('are named, also with skipDamaged: they are not damaged', async () => {
    const root = await treeOf(...two);
    // The addon loads with the first image, and nobody need be allowed to read it.
    await openImageFolder(at(root, 'train', { skipDamaged }));
    await chmod(root, 0o755);
    await chmod(path.join(root, 'train/cat/1.jpg'), 0);
    const message = 'cannot read ROOT/train/cat/1.jpg: permission denied';
    for (const more of [{}, { skipDamaged }]) {
      expect(await asNobody(() => refusal(root, 'train', more))).toBe(message);
    }
    await chmod(path.join(root, 'train/cat/1.jpg'), 0o644);
    await chmod(path.join(root, 'train/dog'), 0);
    expect(await asNobody(() => refusal(root, 'train'))).toBe('cannot list ROOT/train/dog: permission denied');
  });
});

describe('symbolic links in a folder of images', () => {
  it('that lead nowhere are named with where they lead, and passed over with skipDamaged', async () => {
    const root = await treeOf(...two);
    await symlink('../gone/1.jpg', path.join(root, 'train/cat/2.jpg'));
    await symlink('self.jpg', path.join(root, 'train/cat/self.jpg'));
    expect(await refusal(root, 'train')).toBe(
      'ROOT/train/cat/2.jpg is a symbolic link to ../gone/1.jpg: no such file or directory',
    );
    const data = await openImageFolder(at(root, 'train', { skipDamaged }));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [{ kind: 'links that lead nowhere', count: 2, names: ['train/cat/2.jpg', 'train/cat/self.jpg'] }],
    ]);
    await rm(path.join(root, 'train/cat/2.jpg'));
    expect(await refusal(root, 'train')).toBe(
      'ROOT/train/cat/self.jpg is a symbolic link to self.jpg: too many symbolic links encountered',
    );
  });

  it('that should be a class and lead nowhere are refused, also with skipDamaged', async () => {
    const root = await treeOf(...two);
    await symlink('/nowhere/bird', path.join(root, 'train/bird'));
    expect(await refusal(root, 'train', { skipDamaged })).toBe(
      'ROOT/train/bird is a symbolic link to /nowhere/bird: no such file or directory',
    );
  });

  it('out of the root are named themselves, also where all of a split is one', async () => {
    const [root, other] = [await treeOf('val/cat/1.jpg'), await treeOf('cat/1.jpg', 'dog/1.jpg')];
    await symlink(other, path.join(root, 'train'));
    expect(await refusal(root, 'train')).toBe(
      `ROOT/train is a symbolic link out of the data set's root ROOT: it leads to ${other}`,
    );
  });

  it('inside the root are followed, each folder once', async () => {
    const root = await treeOf(...two, 'more/2.jpg');
    await symlink('../../more', path.join(root, 'train/cat/more'));
    await symlink('../../more', path.join(root, 'train/cat/once-more'));
    await symlink('../cat/1.jpg', path.join(root, 'train/dog/of-cat.jpg'));
    const data = await openImageFolder(at(root, 'train'));
    expect([[...data.labels], data.passedOver]).toEqual([
      [0, 0, 1, 1],
      [{ kind: 'folders that were read already by another name', count: 1, names: ['train/cat/once-more'] }],
    ]);
  });
});
