import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openCifar10, openCifar100 } from './cifar.js';
import { FingerprintMemory } from './fingerprint.js';
import { openImageFolder } from './image-folder.js';
import { openImagenet } from './imagenet.js';
import { openStl10 } from './stl10.js';
import { at, pixelsOf, samples, scratch } from './test-support.js';
import { openTinyImagenet } from './tiny-imagenet.js';

const cifarRoot = path.join(samples, 'cifar-100-binary');
const stlRoot = path.join(samples, 'stl10_binary');
const tinyRoot = path.join(samples, 'tiny-imagenet-200');
const tinyTrain = (wnid: string, n: number) => path.join(tinyRoot, 'train', wnid, 'images', `${wnid}_${n}.JPEG`);
const [fish, frog] = ['n01443537', 'n01641577'];

describe('CIFAR', () => {
  it('reads labels and interleaves the planes', async () => {
    const data = await openCifar100(at(cifarRoot, 'test'));
    const file = await readFile(path.join(cifarRoot, 'test.bin'));
    expect([data.count, data.imageSize, data.classNames.length]).toEqual([1000, { height: 32, width: 32 }, 100]);
    expect(data.labels[7]).toBe(file[7 * 3074 + 1]);
    const image = await pixelsOf(data, 7);
    const start = 7 * 3074 + 2;
    expect([...image.subarray(3 * 33, 3 * 33 + 3)]).toEqual([
      file[start + 33],
      file[start + 1024 + 33],
      file[start + 2048 + 33],
    ]);
  });

  it('reads CIFAR-10, whose records have one label and come in several files', async () => {
    const root = await scratch();
    const record = (label: number, value: number) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, value)]);
    await writeFile(path.join(root, 'batches.meta.txt'), 'airplane\nautomobile\nbird\n');
    for (let n = 1; n <= 5; n++) await writeFile(path.join(root, `data_batch_${n}.bin`), record(n % 3, n));
    const data = await openCifar10(at(root, 'train'));
    expect([...data.labels]).toEqual([1, 2, 0, 1, 2]);
    expect((await pixelsOf(data, 3))[100]).toBe(4);
    await writeFile(path.join(root, 'data_batch_4.bin'), record(3, 0));
    await expect(openCifar10(at(root, 'train'))).rejects.toThrow(/data_batch_4\.bin: record 0 .* has label 3/);
  });

  it('has another fingerprint for other content', async () => {
    const root = await scratch();
    await cp(cifarRoot, root, { recursive: true });
    const before = await openCifar100(at(root, 'test'));
    const file = await readFile(path.join(root, 'test.bin'));
    file[5000]! ^= 1;
    await writeFile(path.join(root, 'test.bin'), file);
    const after = await openCifar100(at(root, 'test'));
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  it('refuses what is missing, truncated, padded or mislabelled', async () => {
    const root = await scratch();
    await expect(openCifar100(at(root, 'test'))).rejects.toThrow(
      /no file .*test|no file .*fine_label_names\.txt; get it with 'mcld data fetch cifar-100'/,
    );
    await cp(cifarRoot, root, { recursive: true });
    const name = path.join(root, 'test.bin');
    const good = await readFile(name);
    for (const bad of [good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(10)]), Buffer.alloc(0)]) {
      await writeFile(name, bad);
      await expect(openCifar100(at(root, 'test'))).rejects.toThrow('it is truncated or padded');
    }
    const mislabelled = Buffer.from(good);
    mislabelled[3074 + 1] = 100;
    await writeFile(name, mislabelled);
    await expect(openCifar100(at(root, 'test'))).rejects.toThrow(
      /record 1 \(byte 3075\) has label 100, expected 0 to 99/,
    );
    await expect(openCifar100(at(root, 'unlabeled'))).rejects.toThrow("no split 'unlabeled'");
  });
});

describe('STL-10', () => {
  it('turns columns into rows', async () => {
    const data = await openStl10(at(stlRoot, 'train'));
    const file = await readFile(path.join(stlRoot, 'train_X.bin'));
    const image = await pixelsOf(data, 1);
    const [row, column] = [5, 9];
    const start = 27648 + column * 96 + row;
    expect([...image.subarray((row * 96 + column) * 3, (row * 96 + column) * 3 + 3)]).toEqual([
      file[start],
      file[start + 9216],
      file[start + 18432],
    ]);
    expect(Math.min(...data.labels)).toBe(0);
    expect(data.standIn).toContain('stand-in');
  });

  it('has a split without labels', async () => {
    const root = await scratch();
    await cp(stlRoot, root, { recursive: true });
    await cp(path.join(root, 'test_X.bin'), path.join(root, 'unlabeled_X.bin'));
    const data = await openStl10(at(root, 'unlabeled'));
    const test = await openStl10(at(root, 'test'));
    expect([data.count, data.labels.length]).toEqual([test.count, 0]);
    expect(data.fingerprint).not.toBe(test.fingerprint);
  });

  it('refuses images and labels that do not go together', async () => {
    const root = await scratch();
    await cp(stlRoot, root, { recursive: true });
    await writeFile(path.join(root, 'train_y.bin'), Buffer.from([1, 2, 11]));
    await expect(openStl10(at(root, 'train'))).rejects.toThrow('but train_y.bin has 3 labels');
  });
});

describe('Tiny-ImageNet', () => {
  it('reads the official tree in the order of wnids.txt', async () => {
    const train = await openTinyImagenet(at(tinyRoot, 'train'));
    const test = await openTinyImagenet(at(tinyRoot, 'test'));
    expect([train.count, test.count, train.classNames.length, train.classNames[0]]).toEqual([400, 100, 20, 'goldfish']);
    expect(train.imageSize).toEqual({ height: 64, width: 64 });
  });

  it('names a file that is damaged, when it is asked for', async () => {
    const root = await scratch();
    await cp(tinyRoot, root, { recursive: true });
    const [first] = (await readFile(path.join(root, 'val/val_annotations.txt'), 'utf8')).split('\t');
    await writeFile(path.join(root, 'val/images', first!), 'no picture');
    const data = await openTinyImagenet(at(root, 'test'));
    await expect(data.picture(0)).rejects.toThrow(`${first} is not an image that can be decoded`);
  });

  it('holds its list of validation images against what is there', async () => {
    const root = await scratch();
    await cp(tinyRoot, root, { recursive: true });
    const images = path.join(root, 'val/images');
    const [first = '', second = ''] = (await readdir(images)).sort();
    await rm(path.join(images, first));
    await symlink('nowhere', path.join(images, first));
    await rename(path.join(images, second), path.join(images, 'other.JPEG'));
    await writeFile(path.join(images, `._${first}`), 'AppleDouble');
    await expect(openTinyImagenet(at(root, 'test'))).rejects.toThrow(
      `${images}/${first} is a symbolic link to nowhere: no such file or directory`,
    );
    const data = await openTinyImagenet(at(root, 'test', { skipDamaged: true }));
    expect([data.count, data.passedOver]).toEqual([
      98,
      [
        {
          kind: 'images of val_annotations.txt that are not there',
          count: 2,
          names: expect.arrayContaining([`val/images/${first}`, `val/images/${second}`]),
        },
        { kind: 'images that val_annotations.txt does not name', count: 1, names: ['val/images/other.JPEG'] },
        { kind: 'links that lead nowhere', count: 1, names: [`val/images/${first}`] },
      ],
    ]);
    await rm(path.join(images, first));
    await expect(openTinyImagenet(at(root, 'test'))).rejects.toThrow(
      /val_annotations\.txt: line \d+ names val_\d+\.JPEG, but there is no such image/,
    );
  });

  it('needs an image of each class, and leaves its root for none', async () => {
    const root = await scratch();
    await cp(tinyRoot, root, { recursive: true });
    const folder = path.join(root, 'train', frog, 'images');
    for (const name of await readdir(folder)) await rename(path.join(folder, name), path.join(folder, `${name}.heic`));
    await expect(openTinyImagenet(at(root, 'train'))).rejects.toThrow(
      `${root} has a class without a usable image: train/${frog}/images (files ending in .heic: 20 (train/${frog}/images/`,
    );
    await writeFile(path.join(root, 'wnids.txt'), `../..\n${fish}\n`);
    await mkdir(path.join(root, 'images'), { recursive: true });
    await expect(openTinyImagenet(at(root, 'train'))).rejects.toThrow(`../images lies outside ${root}`);
  });
});

describe('a folder of images', () => {
  async function folder() {
    const root = await scratch();
    for (const [split, name, from] of [
      ['train', 'cat', tinyTrain(fish, 0)],
      ['train', 'cat', tinyTrain(fish, 1)],
      ['train', 'dog', tinyTrain(frog, 0)],
      ['val', 'cat', tinyTrain(fish, 2)],
      ['val', 'dog', tinyTrain(frog, 1)],
    ] as const) {
      await mkdir(path.join(root, split, name), { recursive: true });
      await cp(from, path.join(root, split, name, path.basename(from)));
    }
    return root;
  }

  it('is read by the names of its folders', async () => {
    const root = await folder();
    const train = await openImageFolder(at(root, 'train'));
    const test = await openImageFolder(at(root, 'test'));
    expect([[...train.labels], [...test.labels], train.classNames]).toEqual([
      [0, 0, 1],
      [0, 1],
      ['cat', 'dog'],
    ]);
    expect(train.imageSize).toBeUndefined();
  });

  it('has a fingerprint that is remembered by size and time, and is another for another file', async () => {
    const root = await folder();
    const memory = new FingerprintMemory(await scratch());
    const first = await openImageFolder(at(root, 'train', { memory }));
    expect((await openImageFolder(at(root, 'train', { memory }))).fingerprint).toBe(first.fingerprint);
    expect((await openImageFolder(at(root, 'train'))).fingerprint).toBe(first.fingerprint);
    await cp(tinyTrain(frog, 3), path.join(root, 'train/dog', path.basename(tinyTrain(frog, 0))));
    const changed = await openImageFolder(at(root, 'train', { memory }));
    expect(changed.fingerprint).not.toBe(first.fingerprint);
    expect((await openImageFolder(at(root, 'train'))).fingerprint).toBe(changed.fingerprint);
  });

  it('leaves out what cannot be decoded when told to, the same each time', async () => {
    const root = await folder();
    const good = await readFile(tinyTrain(fish, 4));
    await writeFile(path.join(root, 'train/cat/broken.jpg'), good.subarray(0, good.length >> 1));
    const memory = new FingerprintMemory(await scratch());
    for (let i = 0; i < 2; i++) {
      const data = await openImageFolder(at(root, 'train', { skipDamaged: true, memory }));
      expect([data.count, data.passedOver]).toEqual([
        3,
        [{ kind: 'damaged images', count: 1, names: ['train/cat/broken.jpg'] }],
      ]);
    }
    const all = await openImageFolder(at(root, 'train', { memory }));
    expect([all.count, all.passedOver]).toEqual([4, []]);
    await expect(pixelsOf(all, 0)).rejects.toThrow(/broken\.jpg is not an image that can be decoded: .*at byte \d+/);
  });

  it('follows no link out of its root, and no loop twice', async () => {
    const root = await folder();
    await symlink('..', path.join(root, 'train/cat/loop'));
    await symlink(path.join(root, 'train/cat'), path.join(root, 'train/cat/again'));
    const data = await openImageFolder(at(root, 'train'));
    expect([data.count, data.passedOver]).toEqual([
      3,
      [{ kind: 'links to a folder that they lie in', count: 2, names: ['train/cat/again', 'train/cat/loop'] }],
    ]);
    await symlink(tinyTrain(fish, 0), path.join(root, 'train/cat/out.jpg'));
    await expect(openImageFolder(at(root, 'train'))).rejects.toThrow(
      `${root}/train/cat/out.jpg is a symbolic link out of the data set's root ${root}: it leads to ${tinyTrain(fish, 0)}`,
    );
  });

  it('says what it expects where it is not there', async () => {
    const root = await scratch();
    await expect(openImageFolder(at(root, 'train'))).rejects.toThrow("has no split 'train'; expected train/<class>/");
    await mkdir(path.join(root, 'train/only'), { recursive: true });
    await expect(openImageFolder(at(root, 'train'))).rejects.toThrow('has 1 folders; expected one a class');
  });

  it('reads every kind of file: grey, CMYK, alpha, PNG, WebP, TIFF, and turned by EXIF', async () => {
    const root = await folder();
    const cat = path.join(root, 'train/cat');
    const raw = await sharp(tinyTrain(fish, 0)).resize(60, 40, { fit: 'fill' }).png().toBuffer();
    const image = () => sharp(raw);
    await image().grayscale().jpeg().toFile(path.join(cat, 'a-grey.jpg'));
    await image().toColourspace('cmyk').jpeg().toFile(path.join(cat, 'b-cmyk.jpeg'));
    await image().ensureAlpha(0.5).png().toFile(path.join(cat, 'c-alpha.png'));
    await image().webp({ lossless: true }).toFile(path.join(cat, 'd.webp'));
    await image().tiff({ compression: 'lzw' }).toFile(path.join(cat, 'e.tif'));
    await image().withMetadata({ orientation: 6 }).jpeg().toFile(path.join(cat, 'f-turned.jpg'));
    const data = await openImageFolder(at(root, 'train'));
    const sizes = [];
    for (let row = 0; row < 6; row++) {
      const { width, height } = await data.picture(row);
      sizes.push([width, height]);
      expect((await pixelsOf(data, row)).length).toBe(7200);
    }
    expect(sizes).toEqual([...Array.from({ length: 5 }, () => [60, 40]), [40, 60]]);
    const grey = await pixelsOf(data, 0);
    expect(grey[0]).toBe(grey[1]);
    // Lossless files agree with each other; the alpha channel is dropped.
    expect(await pixelsOf(data, 3)).toEqual(await pixelsOf(data, 4));
    expect(await pixelsOf(data, 2)).toEqual(await pixelsOf(data, 4));
  });
});

describe('ImageNet', () => {
  const wnids = [frog, fish];
  async function tree() {
    const root = await scratch();
    for (const wnid of wnids) {
      await mkdir(path.join(root, 'train', wnid), { recursive: true });
      await cp(tinyTrain(wnid, 0), path.join(root, 'train', wnid, `${wnid}_0.JPEG`));
    }
    await mkdir(path.join(root, 'val'));
    for (const [n, wnid] of [frog, fish, frog].entries())
      await cp(tinyTrain(wnid, 10 + n), path.join(root, 'val', `ILSVRC2012_val_0000000${n + 1}.JPEG`));
    return root;
  }

  it('takes the truth about a flat val/ from either list', async () => {
    const root = await tree();
    await expect(openImagenet(at(root, 'test'))).rejects.toThrow(
      'ILSVRC2012_validation_ground_truth.txt; expected val/',
    );
    await writeFile(path.join(root, 'ILSVRC2012_validation_ground_truth.txt'), '9\n7\n9\n');
    await writeFile(path.join(root, 'map_clsloc.txt'), `${fish} 7 goldfish\n${frog} 9 frog\n`);
    expect([...(await openImagenet(at(root, 'test'))).labels]).toEqual([1, 0, 1]);
    const rows = [frog, frog, fish].map((wnid, n) => `ILSVRC2012_val_0000000${n + 1},${wnid} 1 2 3 4`);
    await writeFile(path.join(root, 'LOC_val_solution.csv'), `ImageId,PredictionString\n${rows.join('\n')}\n`);
    await writeFile(path.join(root, 'LOC_synset_mapping.txt'), `${fish} goldfish, Carassius auratus\n`);
    const data = await openImagenet(at(root, 'test'));
    expect([[...data.labels], data.classNames]).toEqual([
      [1, 1, 0],
      ['goldfish', frog],
    ]);
    expect([...(await openImagenet(at(root, 'train'))).labels]).toEqual([0, 1]);
  });

  it('says what of train/ and val/ is not used, and what the list names in vain', async () => {
    const root = await tree();
    const rows = [frog, fish, frog, fish].map((wnid, n) => `ILSVRC2012_val_0000000${n + 1},${wnid} 1 2 3 4`);
    await writeFile(path.join(root, 'LOC_val_solution.csv'), `ImageId,PredictionString\n${rows.join('\n')}\n`);
    for (const junk of ['train/.DS_Store', `train/${fish}/._${fish}_0.JPEG`, 'val/._ILSVRC2012_val_00000001.JPEG']) {
      await writeFile(path.join(root, junk), 'AppleDouble');
    }
    await writeFile(path.join(root, 'val/readme.txt'), 'of the mirror');
    const test = await openImagenet(at(root, 'test'));
    expect([[...test.labels], test.passedOver]).toEqual([
      [1, 0, 1],
      [
        { kind: 'files ending in .txt', count: 1, names: ['val/readme.txt'] },
        {
          kind: 'images of the validation list that are not in val/',
          count: 1,
          names: ['ILSVRC2012_val_00000004'],
        },
      ],
    ]);
    await writeFile(path.join(root, 'train/n09999999.tar'), 'not unpacked');
    expect((await openImagenet(at(root, 'train'))).passedOver).toEqual([
      { kind: 'files beside the class folders', count: 1, names: ['train/n09999999.tar'] },
    ]);
    await mkdir(path.join(root, 'train/n09999999'));
    await expect(openImagenet(at(root, 'train'))).rejects.toThrow(
      `${root} has a class without a usable image: train/n09999999 (empty)`,
    );
  });
});
