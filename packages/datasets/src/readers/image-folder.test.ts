import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FingerprintMemory } from './fingerprint.js';
import { openImageFolder } from './image-folder.js';
import { at, messageOf, photo, pixelsOf, put, scratch, treeOf } from './test-support.js';

const skipDamaged = true;

/** Another file that cannot be decoded. */
const damage = (root: string, place: string) => truncate(path.join(root, place), 200);

const refusal = (root: string, split: 'train' | 'test', more = {}): Promise<string> =>
  messageOf(openImageFolder(at(root, split, more)), root);

const two = ['train/cat/1.jpg', 'train/dog/1.jpg'];

describe('junk of systems and tools in a folder of images', () => {
  it('is neither a class nor an image, and is not told of', async () => {
    const junk = ['__MACOSX/cat/._1.jpg', '.DS_Store', '._cat', 'Thumbs.db', 'desktop.ini', '$RECYCLE.BIN/1.jpg'];
    const more = [
      '@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg',
      '.ipynb_checkpoints/1-checkpoint.jpg',
      '.git/config',
      '#recycle/1.jpg',
    ];
    const rest = [
      'System Volume Information/x',
      'lost+found/',
      '.Trash-1000/1.jpg',
      '1.jpg:Zone.Identifier',
      'PaxHeader/1.jpg',
    ];
    const all = [...junk, ...more, ...rest, '._1.jpg', 'THUMBS.DB', 'Icon\r'];
    const inFolders = ['', 'train/', 'train/cat/', 'train/dog/deeper/'].flatMap((folder) =>
      all.map((name) => folder + name),
    );
    const data = await openImageFolder(at(await treeOf(...two, ...inFolders), 'train'));
    expect([data.classNames, [...data.labels], data.passedOver]).toEqual([['cat', 'dog'], [0, 1], []]);
  });

  it('leaves a class of a like name alone', async () => {
    const data = await openImageFolder(at(await treeOf('train/recycler/1.jpg', 'train/thumbs/1.jpg'), 'train'));
    expect(data.classNames).toEqual(['recycler', 'thumbs']);
  });
});

describe('a class without a usable image', () => {
  it.each([
    ['is empty', ['train/bird/'], 'train/bird (empty)'],
    ['holds junk', ['train/bird/.DS_Store', 'train/bird/._1.jpg'], 'train/bird (empty)'],
    [
      'has files of kinds that are not read',
      ['train/bird/1.HEIC', 'train/bird/2.heic', 'train/bird/a.txt', 'train/bird/README'],
      'train/bird (files ending in .heic: 2 (train/bird/1.HEIC, train/bird/2.heic); files ending in .txt: 1 ' +
        '(train/bird/a.txt); files without an ending: 1 (train/bird/README))',
    ],
    ['has a hidden image', ['train/bird/.1.jpg'], 'train/bird (hidden images: 1 (train/bird/.1.jpg))'],
  ])('is refused by name where it %s', async (_, places, told) => {
    const root = await treeOf(...two, ...places);
    expect(await refusal(root, 'train')).toBe(`ROOT has a class without a usable image: ${told}`);
    expect(await refusal(root, 'train', { skipDamaged })).toBe(`ROOT has a class without a usable image: ${told}`);
  });

  it('is refused where all its images are damaged, also when that is remembered', async () => {
    const root = await treeOf(...two, 'train/dog/2.jpg', 'train/cow/1.jpg');
    for (const place of ['train/dog/1.jpg', 'train/dog/2.jpg']) await damage(root, place);
    const memory = new FingerprintMemory(await scratch());
    for (let i = 0; i < 2; i++) {
      expect(await refusal(root, 'train', { skipDamaged, memory })).toBe(
        'ROOT has a class without a usable image: train/dog (none of its images can be decoded)',
      );
    }
  });

  it('is one of several, of which the first are named', async () => {
    const root = await treeOf(...two, ...[1, 2, 3, 4, 5, 6, 7].map((n) => `train/e${n}/`));
    expect(await refusal(root, 'train')).toMatch(
      /^ROOT has 7 classes without a usable image: train\/e1 \(empty\), .*, …$/,
    );
  });

  it('of the test split is told of, whether its folder is empty or missing', async () => {
    const root = await treeOf(
      ...two,
      'train/cow/1.jpg',
      'train/owl/1.jpg',
      'val/cat/1.jpg',
      'val/dog/',
      'val/owl/1.heic',
    );
    const data = await openImageFolder(at(root, 'test'));
    expect([[...data.labels], data.passedOver]).toEqual([
      [0],
      [
        { kind: 'classes without images', count: 3, names: ['cow', 'dog', 'owl'] },
        { kind: 'files ending in .heic', count: 1, names: ['val/owl/1.heic'] },
      ],
    ]);
  });
});

describe('what of a folder of images is not used', () => {
  const twelve = Array.from({ length: 12 }, (_, i) => `train/cat/${String(i).padStart(2, '0')}.heic`);

  it('is counted by kind, with the first names', async () => {
    const others = ['train/cat/x.txt', 'train/dog/x.TXT', 'train/stray.jpg', 'train/labels.csv', 'train/cat/.x.jpg'];
    const root = await treeOf(...two, 'train/dog/2.jpg', ...twelve, ...others, 'README.md');
    await damage(root, 'train/dog/2.jpg');
    const data = await openImageFolder(at(root, 'train', { skipDamaged }));
    expect(data.passedOver).toEqual([
      { kind: 'files ending in .heic', count: 12, names: twelve.slice(0, 10) },
      { kind: 'files beside the class folders', count: 2, names: ['train/labels.csv', 'train/stray.jpg'] },
      { kind: 'files ending in .txt', count: 2, names: ['train/cat/x.txt', 'train/dog/x.TXT'] },
      { kind: 'damaged images', count: 1, names: ['train/dog/2.jpg'] },
      { kind: 'hidden images', count: 1, names: ['train/cat/.x.jpg'] },
    ]);
    expect(data.count).toBe(2);
  });

  it('is told again when the content is remembered, and changes with the files and with skipDamaged', async () => {
    const root = await treeOf(...two, 'train/cat/2.jpg', 'train/cat/1.heic');
    await damage(root, 'train/cat/2.jpg');
    const memory = new FingerprintMemory(await scratch());
    const kinds = async (more = {}) =>
      (await openImageFolder(at(root, 'train', { memory, ...more }))).passedOver.map(({ kind, count }) => [
        kind,
        count,
      ]);
    const both = [
      ['damaged images', 1],
      ['files ending in .heic', 1],
    ];
    expect([await kinds({ skipDamaged }), await kinds({ skipDamaged })]).toEqual([both, both]);
    expect(await kinds()).toEqual([['files ending in .heic', 1]]);
    await put(root, 'train/dog/2.heic');
    expect(await kinds({ skipDamaged })).toEqual([
      ['files ending in .heic', 2],
      ['damaged images', 1],
    ]);
  });

  it('is told of the root too, for each split: folders and images that lie beside the splits', async () => {
    const beside = ['extra/cat/1.jpg', 'holdout/cat/1.jpg', 'stray.jpg', 'labels.csv', '.train.icloud', '.git/x'];
    const root = await treeOf(...two, 'val/cat/1.jpg', 'val/dog/1.jpg', ...beside);
    await symlink('/nowhere', path.join(root, 'more'));
    for (const split of ['train', 'test'] as const) {
      expect((await openImageFolder(at(root, split))).passedOver, split).toEqual([
        { kind: 'folders beside the splits', count: 2, names: ['extra', 'holdout'] },
        { kind: 'files that iCloud has not downloaded', count: 1, names: ['.train.icloud'] },
        { kind: 'images beside the splits', count: 1, names: ['stray.jpg'] },
        { kind: 'links beside the splits', count: 1, names: ['more'] },
      ]);
    }
  });

  it('includes what iCloud holds elsewhere, which leaves a class empty where it is all of it', async () => {
    const away = ['train/cat/.2.jpg.icloud', 'train/cat/.3.HEIC.icloud', 'train/.bird.icloud'];
    const root = await treeOf(...two, ...away);
    expect((await openImageFolder(at(root, 'train'))).passedOver).toEqual([
      {
        kind: 'files that iCloud has not downloaded',
        count: 3,
        names: ['train/.bird.icloud', 'train/cat/.2.jpg.icloud', 'train/cat/.3.HEIC.icloud'],
      },
    ]);
    await put(root, 'train/owl/.1.jpg.icloud');
    expect(await refusal(root, 'train')).toBe(
      'ROOT has a class without a usable image: train/owl (files that iCloud has not downloaded: 1 ' +
        '(train/owl/.1.jpg.icloud))',
    );
  });

  it('has no more kinds than a person reads, whatever endings there are', async () => {
    const root = await treeOf(
      ...two,
      ...Array.from({ length: 60 }, (_, i) => `train/cat/scan.${String(i).padStart(3, '0')}`),
    );
    const { passedOver } = await openImageFolder(at(root, 'train'));
    expect([passedOver.length, passedOver[0]?.kind, passedOver[0]?.count]).toEqual([21, 'files of other kinds', 40]);
  });

  it('includes pipes and sockets under the name of an image, never waited for, and folders too deep', async () => {
    const root = await treeOf(...two, `train/dog/${'d/'.repeat(32)}deep.jpg`, `train/dog/${'d/'.repeat(33)}deeper.jpg`);
    execFileSync('mkfifo', [path.join(root, 'train/cat/pipe.jpg')]);
    await symlink('pipe.jpg', path.join(root, 'train/cat/to-pipe.jpg'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path.join(root, 'train/cat/socket.jpg'), resolve));
    const data = await openImageFolder(at(root, 'train'));
    server.close();
    expect([data.count, data.passedOver]).toEqual([
      3,
      [
        {
          kind: 'pipes, sockets and devices',
          count: 3,
          names: ['train/cat/pipe.jpg', 'train/cat/socket.jpg', 'train/cat/to-pipe.jpg'],
        },
        { kind: 'folders more than 32 deep', count: 1, names: [`train/dog/${'d/'.repeat(33).slice(0, -1)}`] },
      ],
    ]);
  });
});

describe('the folder to test on', () => {
  const good = ['val/cat/1.jpg', 'val/dog/1.jpg'];

  it.each([
    ['has images without classes', ['test/1.jpg', 'test/2.jpg']],
    ['is empty', ['test/']],
    ['has only junk', ['test/.DS_Store', 'test/__MACOSX/cat/._1.jpg']],
    ['has no images in its classes', ['test/cat/', 'test/dog/1.txt']],
    ['has folders of no class', ['test/unknown/1.jpg']],
  ])('is val/ where test/ %s, and that is told', async (_, places) => {
    const data = await openImageFolder(at(await treeOf(...two, ...good, ...places), 'test'));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [{ kind: 'folders beside val/, which is the test split', count: 1, names: ['test'] }],
    ]);
  });

  it('is val/ where test is a file', async () => {
    const data = await openImageFolder(at(await treeOf(...two, ...good, 'test'), 'test'));
    expect([data.count, data.passedOver]).toEqual([2, []]);
  });

  it('is test/ where val/ is good too, and that is told', async () => {
    const root = await treeOf(
      ...two,
      ...good,
      'validation/cat/1.jpg',
      'test/cat/1.jpg',
      'test/cat/2.jpg',
      'test/dog/1.jpg',
    );
    const data = await openImageFolder(at(root, 'test'));
    expect([data.count, data.passedOver]).toEqual([
      3,
      [{ kind: 'folders beside test/, which is the test split', count: 2, names: ['val', 'validation'] }],
    ]);
  });

  it('is missed with what was found in place of it', async () => {
    expect(await refusal(await treeOf(...two, 'test/1.jpg', 'val/', 'validation/bird/1.jpg'), 'test')).toBe(
      'ROOT has no images of its classes in test/<class>/ or val/<class>/ or validation/<class>/: ' +
        'test/ has files beside the class folders: 1 (test/1.jpg); val/ has no files; ' +
        'ROOT/validation/bird is of no class of the training split',
    );
    expect(await refusal(await treeOf(...two, 'dev/cat/1.jpg'), 'test')).toBe(
      "ROOT has no split 'test'; expected test/<class>/ or val/<class>/ or validation/<class>/ or valid/<class>/ " +
        'with images in it, found dev, train',
    );
    expect(await refusal(await treeOf(...two, 'test/1.jpg', 'holdout/cat/1.jpg', 'dev/cat/1.jpg'), 'test')).toBe(
      'ROOT has no images of its classes in test/<class>/: test/ has files beside the class folders: 1 (test/1.jpg); ' +
        'beside them lie dev, holdout',
    );
  });

  it('may be called valid/, and is told of beside test/', async () => {
    const alone = await openImageFolder(at(await treeOf(...two, 'valid/dog/1.jpg'), 'test'));
    expect([[...alone.labels], alone.passedOver[0]?.kind]).toEqual([[1], 'classes without images']);
    const root = await treeOf(...two, 'valid/dog/1.jpg', 'test/cat/1.jpg', 'test/dog/1.jpg');
    const data = await openImageFolder(at(root, 'test'));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [{ kind: 'folders beside test/, which is the test split', count: 1, names: ['valid'] }],
    ]);
  });

  it('is refused with a folder of no class beside good ones', async () => {
    expect(await refusal(await treeOf(...two, ...good, 'val/bird/1.jpg'), 'test')).toBe(
      'ROOT/val/bird is of no class of the training split',
    );
  });
});

describe('names of classes and images', () => {
  it('in another Unicode form are the same class', async () => {
    const root = await treeOf('train/cafe\u0301/1.jpg', 'train/tea/1.jpg', 'val/caf\u00e9/1.jpg', 'val/tea/1.jpg');
    expect([...(await openImageFolder(at(root, 'test'))).labels]).toEqual([0, 1]);
    const twice = await treeOf('train/cafe\u0301/1.jpg', 'train/caf\u00e9/1.jpg');
    expect(await refusal(twice, 'train')).toBe(
      'ROOT/train has one class name in two Unicode forms, cafe\\u0301 and caf\\u00e9; ' +
        'put their images into one folder',
    );
  });

  it('in Latin-1 are read as they are, and told as valid text', async () => {
    const root = await treeOf('train/tea/1.jpg', 'val/tea/1.jpg');
    const latin = (place: string) => Buffer.from(path.join(root, place), 'latin1');
    for (const split of ['train', 'val']) {
      await mkdir(latin(`${split}/caf\xe9`));
      await writeFile(latin(`${split}/caf\xe9/gr\xfcn.jpg`), await readFile(photo));
    }
    await writeFile(latin('train/caf\xe9/cut.jpg'), (await readFile(photo)).subarray(0, 200));
    await writeFile(latin('train/caf\xe9/\xfc.heic'), '');
    const train = await openImageFolder(at(root, 'train', { skipDamaged }));
    expect([train.classNames, [...train.labels], train.passedOver]).toEqual([
      ['caf\\xe9', 'tea'],
      [0, 1],
      [
        { kind: 'damaged images', count: 1, names: ['train/caf\\xe9/cut.jpg'] },
        { kind: 'files ending in .heic', count: 1, names: ['train/caf\\xe9/\\xfc.heic'] },
      ],
    ]);
    expect(await pixelsOf(train, 0)).toEqual(await pixelsOf(train, 1));
    expect([...(await openImageFolder(at(root, 'test'))).labels]).toEqual([0, 1]);
    const all = await openImageFolder(at(root, 'train'));
    await expect(pixelsOf(all, 0)).rejects.toThrow('train/caf\\xe9/cut.jpg is not an image that can be decoded');
    await rename(latin('val/caf\xe9'), path.join(root, 'val/café'));
    expect(await refusal(root, 'test')).toBe('ROOT/val/café is of no class of the training split');
  });

  it('are in the order of code points, images folder after folder as torchvision has them', async () => {
    const classes = ['Z', 'a', 'é', '\ufb01', '😀'];
    const root = await treeOf(
      ...classes.toReversed().map((name) => `train/${name}/1.jpg`),
      ...['train/Z/img10.jpg', 'train/Z/img2.jpg', 'train/Z/b/1.jpg', 'train/Z/b-c/1.jpg', 'train/Z/c.jpg'],
    );
    await rm(path.join(root, 'train/Z/c.jpg'));
    await writeFile(path.join(root, 'train/Z/c.jpg'), 'cut');
    await writeFile(path.join(root, 'train/Z/b/1.jpg'), 'cut');
    await writeFile(path.join(root, 'train/Z/b-c/1.jpg'), 'cut');
    await writeFile(path.join(root, 'train/Z/img2.jpg'), 'cut');
    const data = await openImageFolder(at(root, 'train', { skipDamaged }));
    expect(data.classNames).toEqual(classes);
    expect(data.passedOver[0]?.names).toEqual([
      'train/Z/c.jpg',
      'train/Z/img2.jpg',
      'train/Z/b/1.jpg',
      'train/Z/b-c/1.jpg',
    ]);
  });
});
