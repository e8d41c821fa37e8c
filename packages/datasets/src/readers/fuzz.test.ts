import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { create } from 'tar';
import { beforeAll, describe, expect, it } from 'vitest';
import { openPicture } from '../views/picture.js';
import { openCifar10, openCifar100 } from './cifar.js';
import { recordsOf } from './cifar-python.js';
import { DatasetError } from './dataset-error.js';
import { openImageFolder } from './image-folder.js';
import { openImagenet } from './imagenet.js';
import { openStl10 } from './stl10.js';
import { indexTar, withTar } from './tar-index.js';
import { at, samples, scratch } from './test-support.js';
import { openTinyImagenet } from './tiny-imagenet.js';
import { openWebDataset } from './webdataset.js';

const photo = path.join(samples, 'tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG');

/** Truncated, with bytes changed, with bytes put in, or with its beginning gone. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(99_999) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(99_999), value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('zero' as const), at: fc.nat(99_999), length: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ kind: fc.constant('behead' as const), at: fc.integer({ min: 1, max: 400 }) }),
);

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(good: Buffer, wounds: readonly Damage[]): Buffer {
  let bytes = Buffer.from(good);
  for (const wound of wounds) {
    const place = bytes.length === 0 ? 0 : wound.at % bytes.length;
    if (wound.kind === 'cut') bytes = bytes.subarray(0, place);
    else if (wound.kind === 'flip' && bytes.length > 0) bytes[place]! ^= wound.value;
    else if (wound.kind === 'zero') bytes.fill(0, place, Math.min(bytes.length, place + wound.length));
    else if (wound.kind === 'behead') bytes = bytes.subarray(wound.at);
  }
  return bytes;
}

/**
 * Damages a thing in many ways; each time `read` takes it or refuses it in our own words, and some times it refuses.
 */
async function assertReadOrRefused<T>(damages: fc.Arbitrary<T>, numRuns: number, read: (damage: T) => unknown) {
  let refused = 0;
  const property = fc.asyncProperty(damages, async (damage) => {
    try {
      await read(damage);
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      refused++;
    }
  });
  await fc.assert(property, { numRuns });
  expect(refused).toBeGreaterThan(0);
}

describe('damaged batches of CIFAR’s Python version', () => {
  it.each(['cifar-10-python2/data_batch_1', 'cifar-100-numpy1-scalars/test', 'cifar-100-numpy2-protocol5/test'])(
    '%s are read or refused by name',
    async (name) => {
      const good = await readFile(new URL(`../../fixtures/${name}`, import.meta.url));
      const labels = name.startsWith('cifar-100') ? ['coarse_labels', 'fine_labels'] : ['labels'];
      // What is not pixels is where the harm is.
      const ends = fc.array(
        fc.record({
          kind: fc.constant('flip' as const),
          at: fc.oneof(
            fc.nat(200),
            fc.nat(200).map((back) => good.length - 1 - back),
          ),
          value: fc.integer({ min: 1, max: 255 }),
        }),
        { minLength: 1, maxLength: 4 },
      );
      const damages = fc.oneof(ends, fc.array(damage, { minLength: 1, maxLength: 3 }));
      await assertReadOrRefused(damages, 2000, (wounds) => {
        const bytes = damaged(good, wounds);
        const records = recordsOf('fuzzed', bytes, labels);
        expect(records.length).toBeLessThanOrEqual(bytes.length + 3074);
      });
    },
  );
});

describe('damaged images', () => {
  const files: Record<string, Buffer> = {};

  beforeAll(async () => {
    const image = () => sharp(photo).resize(48, 32, { fit: 'fill' });
    files.jpeg = await image().jpeg().toBuffer();
    files.progressive = await image().jpeg({ progressive: true, mozjpeg: false }).toBuffer();
    files.grey = await image().grayscale().jpeg().toBuffer();
    files.exif = await image().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    files.cmyk = await image().toColourspace('cmyk').jpeg().toBuffer();
    files.png = await image().png().toBuffer();
    files.webp = await image().webp().toBuffer();
    files.tiff = await image().tiff({ compression: 'lzw' }).toBuffer();
    files.gif = await image().gif().toBuffer();
    files.avif = await image().avif().toBuffer();
    for (const [kind, name] of Object.entries({
      bmp: 'masks32.bmp',
      runs: 'runs4.bmp',
      plain: 'p3.ppm',
      pgm: 'p5.pgm',
    }))
      files[kind] = await readFile(new URL(`../../fixtures/pictures/${name}`, import.meta.url));
    files.notes = await readFile(new URL('../../fixtures/pictures/xmp6-behind.png', import.meta.url));
    files.grey16 = await readFile(new URL('../../fixtures/pictures/grey16.tif', import.meta.url));
  });

  async function drawAll(bytes: Buffer): Promise<void> {
    const picture = await openPicture(bytes, 'fuzzed');
    const { width, height } = picture;
    const out = new Uint8Array(16 * 16 * 3);
    await picture.draw({ box: { x: 0, y: 0, width, height }, height: 16, width: 16, mirrored: true, out, at: 0 });
    const box = { x: width >> 1, y: height >> 1, width: width - (width >> 1), height: height - (height >> 1) };
    await picture.draw({ box, height: 16, width: 16, mirrored: false, out, at: 0 });
  }

  const native = ['jpeg', 'progressive', 'exif', 'cmyk', 'avif', 'bmp', 'runs', 'plain', 'pgm'];

  it.each([...native, 'grey', 'png', 'webp', 'tiff', 'gif', 'notes', 'grey16'])(
    'of %s are refused by name or decoded',
    async (kind) => {
      const runs = native.includes(kind) ? 800 : 150;
      await drawAll(files[kind]!);
      const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
      await assertReadOrRefused(damages, runs, (wounds) => drawAll(damaged(files[kind]!, wounds)));
    },
  );

  it('of random bytes, of nothing, and of other kinds are refused', async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      Buffer.of(0xff, 0xd8),
      Buffer.alloc(1000),
      Buffer.from('<svg/>'),
    ])
      await expect(openPicture(bytes, 'x.jpg')).rejects.toThrow(/x\.jpg is not an image that can be decoded/);
  });

  it('that would be a hundred megapixels are refused before they are decoded', async () => {
    const chunk = (type: string, data: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(data.length);
      return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
    };
    const size = Buffer.alloc(13);
    size.writeUInt32BE(100_000, 0);
    size.writeUInt32BE(100_000, 4);
    size.set([8, 2, 0, 0, 0], 8);
    const png = Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', size),
      chunk('IDAT', deflateSync(Buffer.alloc(100))),
    ]);
    await expect(openPicture(png, 'bomb.png')).rejects.toThrow(/bomb\.png is not an image that can be decoded/);
    const jpeg = Buffer.from(files.jpeg!);
    const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    await expect(openPicture(jpeg, 'bomb.jpg')).rejects.toThrow('it is 65000×65000; at most');
  });
});

describe('damaged shards', () => {
  async function shard(): Promise<{ root: string; file: string; good: Buffer }> {
    const [from, root] = [await scratch(), await scratch()];
    const image = await readFile(photo);
    const names = [];
    for (let n = 0; n < 4; n++) {
      await writeFile(path.join(from, `s${n}.jpg`), image);
      await writeFile(path.join(from, `s${n}.cls`), String(n % 2));
      names.push(`s${n}.jpg`, `s${n}.cls`);
    }
    const long = `${'long-'.repeat(30)}.jpg`;
    await writeFile(path.join(from, long), image);
    await writeFile(path.join(from, long.replace('.jpg', '.cls')), '1');
    const file = path.join(root, 'train-000000.tar');
    await create({ file, cwd: from, portable: true }, [...names, long, long.replace('.jpg', '.cls')]);
    return { root, file, good: await readFile(file) };
  }

  it('are read whole, long names too', async () => {
    const { root } = await shard();
    const data = await openWebDataset(at(root, 'train'));
    expect([...data.labels]).toEqual([0, 1, 0, 1, 1]);
    expect((await data.picture(4)).width).toBe(64);
  });

  it('are refused by name and byte, or read', async () => {
    const { root, file, good } = await shard();
    await assertReadOrRefused(fc.array(damage, { minLength: 1, maxLength: 3 }), 300, async (wounds) => {
      await writeFile(file, damaged(good, wounds));
      const data = await openWebDataset(at(root, 'train'));
      for (let row = 0; row < data.count; row++) await data.picture(row);
    });
    await writeFile(file, good.subarray(0, 700));
    await expect(openWebDataset(at(root, 'train'))).rejects.toThrow(/train-000000\.tar: .* at byte \d+/);
  });

  it('that name what lies outside are refused', async () => {
    const { file, good } = await shard();
    for (const name of ['../evil.jpg', '/etc/evil.jpg', 'a/../../evil.jpg']) {
      const bytes = Buffer.from(good);
      bytes.fill(0, 0, 100);
      bytes.write(name);
      bytes.fill(' ', 148, 156);
      const sum = bytes.subarray(0, 512).reduce((a, b) => a + b, 0);
      bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      await writeFile(file, bytes);
      await expect(withTar(file, (handle) => indexTar(handle, file))).rejects.toThrow(
        `the name '${name}' leads out of the tar`,
      );
    }
  });

  it('whose labels are none, or that are folders, are refused', async () => {
    const { root, file } = await shard();
    const from = await scratch();
    await writeFile(path.join(from, 'a.jpg'), await readFile(photo));
    await writeFile(path.join(from, 'a.cls'), 'cat');
    await create({ file, cwd: from, portable: true }, ['a.jpg', 'a.cls']);
    await expect(openWebDataset(at(root, 'train'))).rejects.toThrow("a.cls is 'cat', expected the number of a class");
    await rm(file);
    await mkdir(file);
    await expect(openWebDataset(at(root, 'train'))).rejects.toBeInstanceOf(DatasetError);
  });
});

describe('a folder or a loop in place of a file', () => {
  it.each([
    ['cifar-10', openCifar10, 'data_batch_1.bin'],
    ['cifar-100', openCifar100, 'train.bin'],
    ['stl-10', openStl10, 'train_X.bin'],
    ['tiny-imagenet', openTinyImagenet, 'wnids.txt'],
  ] as const)('is refused by %s', async (_, open, name) => {
    const root = await scratch();
    await mkdir(path.join(root, name));
    await expect(open(at(root, 'train'))).rejects.toBeInstanceOf(DatasetError);
    await rm(path.join(root, name), { recursive: true });
    await symlink(name, path.join(root, name));
    await expect(open(at(root, 'train'))).rejects.toBeInstanceOf(DatasetError);
  });

  it.each([
    ['imagenet', openImagenet],
    ['image-folder', openImageFolder],
  ] as const)('is refused by %s', async (_, open) => {
    const root = await scratch();
    for (const name of ['n1', 'n2']) await mkdir(path.join(root, 'train', name), { recursive: true });
    await symlink('self.jpg', path.join(root, 'train/n1/self.jpg'));
    await expect(open(at(root, 'train'))).rejects.toBeInstanceOf(DatasetError);
    await rm(path.join(root, 'train/n1/self.jpg'));
    await mkdir(path.join(root, 'train/n1/folder.jpg'));
    for (const name of ['n1/a.jpg', 'n2/a.jpg']) await writeFile(path.join(root, 'train', name), await readFile(photo));
    expect((await open(at(root, 'train'))).count).toBe(2);
  });
});
