import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { cutView, identityView, viewsPerImage } from './augmentation.js';
import { BatchSequence } from './batch-sequence.js';
import { openCifar100 } from './cifar100.js';
import { fetchDataset } from './fetch.js';
import { resizer } from './resize.js';
import { openStl10 } from './stl10.js';
import { openTinyImagenet } from './tiny-imagenet.js';

const samples = fileURLToPath(new URL('../../../samples', import.meta.url));
const scratch = () => mkdtemp(path.join(tmpdir(), 'mcld-data-'));
const cifarRoot = path.join(samples, 'cifar-100-binary');
const stlRoot = path.join(samples, 'stl10_binary');
const tinyRoot = path.join(samples, 'tiny-imagenet-200');

describe('CIFAR-100', () => {
  it('reads labels and interleaves the planes', async () => {
    const data = await openCifar100({ root: cifarRoot, split: 'test', size: 0 });
    const file = await readFile(path.join(cifarRoot, 'test.bin'));
    expect([data.count, data.height, data.width, data.classNames.length]).toEqual([1000, 32, 32, 100]);
    expect(data.labels[7]).toBe(file[7 * 3074 + 1]);
    const [image] = await data.images([7]);
    const at = 7 * 3074 + 2;
    expect([...image!.subarray(3 * 33, 3 * 33 + 3)]).toEqual([
      file[at + 33],
      file[at + 1024 + 33],
      file[at + 2048 + 33],
    ]);
  });

  it('has another fingerprint for other content', async () => {
    const root = await scratch();
    await cp(cifarRoot, root, { recursive: true });
    const before = await openCifar100({ root, split: 'test', size: 0 });
    const file = await readFile(path.join(root, 'test.bin'));
    file[5000]! ^= 1;
    await writeFile(path.join(root, 'test.bin'), file);
    const after = await openCifar100({ root, split: 'test', size: 0 });
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  it('refuses what is missing, truncated, padded or mislabelled', async () => {
    const root = await scratch();
    await expect(openCifar100({ root, split: 'test', size: 0 })).rejects.toThrow(
      /no file .*test\.bin; get it with 'mcld data fetch cifar-100'/,
    );
    await cp(cifarRoot, root, { recursive: true });
    const name = path.join(root, 'test.bin');
    const good = await readFile(name);
    for (const bad of [good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(10)]), Buffer.alloc(0)]) {
      await writeFile(name, bad);
      await expect(openCifar100({ root, split: 'test', size: 0 })).rejects.toThrow('it is truncated or padded');
    }
    good[3074 + 1] = 100;
    await writeFile(name, good);
    await expect(openCifar100({ root, split: 'test', size: 0 })).rejects.toThrow(
      'record 1 has fine label 100, expected 0 to 99',
    );
  });
});

describe('Tiny-ImageNet', () => {
  it('reads the official tree, train and val', async () => {
    const train = await openTinyImagenet({ root: tinyRoot, split: 'train', size: 0 });
    const test = await openTinyImagenet({ root: tinyRoot, split: 'test', size: 32 });
    expect([train.count, test.count, train.height, test.height]).toEqual([400, 100, 64, 32]);
    const [image] = await test.images([3]);
    expect(image).toHaveLength(32 * 32 * 3);
  });

  it('decodes grey pictures to three equal channels', async () => {
    const train = await openTinyImagenet({ root: tinyRoot, split: 'train', size: 0 });
    const images = await train.images(Array.from({ length: train.count }, (_, i) => i));
    expect(images.every((image) => image.length === 64 * 64 * 3)).toBe(true);
  });

  it('names a file that is no JPEG, and an unknown class', async () => {
    const root = await scratch();
    await cp(tinyRoot, root, { recursive: true });
    const annotations = path.join(root, 'val/val_annotations.txt');
    const [first] = (await readFile(annotations, 'utf8')).split('\t');
    await writeFile(path.join(root, 'val/images', first!), 'not a picture');
    const data = await openTinyImagenet({ root, split: 'test', size: 32 });
    await expect(data.images([0])).rejects.toThrow(new RegExp(`${first} is no JPEG that can be decoded`));
    await writeFile(annotations, 'val_0.JPEG\tn99999999\t0\t0\t1\t1\n');
    await expect(openTinyImagenet({ root, split: 'test', size: 32 })).rejects.toThrow(
      "line 1 names 'val_0.JPEG' of class 'n99999999'",
    );
  });
});

describe('STL-10', () => {
  it('turns column-major planes round, counts labels from 0 and says that the sample is a stand-in', async () => {
    const data = await openStl10({ root: stlRoot, split: 'train', size: 0 });
    const file = await readFile(path.join(stlRoot, 'train_X.bin'));
    const [image] = await data.images([1]);
    const [row, column] = [5, 9];
    const at = 27648 + column * 96 + row;
    expect([...image!.subarray((row * 96 + column) * 3, (row * 96 + column) * 3 + 3)]).toEqual([
      file[at],
      file[at + 9216],
      file[at + 18432],
    ]);
    expect(Math.min(...data.labels)).toBe(0);
    expect(data.standIn).toContain('stand-in');
  });

  it('refuses images and labels that do not go together', async () => {
    const root = await scratch();
    await cp(stlRoot, root, { recursive: true });
    await writeFile(path.join(root, 'train_y.bin'), Buffer.from([1, 2, 11]));
    await expect(openStl10({ root, split: 'train', size: 0 })).rejects.toThrow('but train_y.bin has 3 labels');
  });
});

describe('views', () => {
  const augmentation = { cropPadding: 4, horizontalFlip: true };
  const image = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 251);

  it('are 162 an image for padding 4 with flips', () => {
    expect(viewsPerImage(augmentation)).toBe(162);
  });

  it('are the crops of the zero-padded image, mirrored for odd codes', () => {
    const padded = (y: number, x: number, c: number) =>
      y < 0 || x < 0 || y > 31 || x > 31 ? 0 : image[(y * 32 + x) * 3 + c]!;
    const out = new Uint8Array(image.length);
    for (let code = 0; code < 162; code++) {
      cutView(image, [32, 32], augmentation, code, out, 0);
      const [dx, dy] = [((code >> 1) % 9) - 4, Math.floor((code >> 1) / 9) - 4];
      for (const [y, x] of [
        [0, 0],
        [0, 31],
        [31, 0],
        [31, 31],
        [12, 20],
      ] as const) {
        const source = code & 1 ? 31 - x : x;
        for (let c = 0; c < 3; c++) expect(out[(y * 32 + x) * 3 + c]).toBe(padded(y + dy, source + dx, c));
      }
    }
  });

  it('have the image itself among them', () => {
    const out = new Uint8Array(image.length);
    cutView(image, [32, 32], augmentation, identityView(augmentation), out, 0);
    expect(out).toEqual(image);
  });
});

describe('a batch sequence', () => {
  const spec = {
    count: 103,
    batchSize: 10,
    augmentation: { cropPadding: 4, horizontalFlip: true },
    shuffle: true,
    seed: 5,
  };

  it('is the same whatever the order of asking', () => {
    const cursors = [...new BatchSequence(spec).cursors({ epoch: 0, step: 0 }, 3)];
    const forward = new BatchSequence(spec);
    const backward = new BatchSequence(spec);
    const there = cursors.map((cursor) => forward.views(cursor));
    const back = [...cursors]
      .reverse()
      .map((cursor) => backward.views(cursor))
      .reverse();
    expect(back).toEqual(there);
  });

  it('shows each image once an epoch and keeps the smaller last batch', () => {
    const sequence = new BatchSequence(spec);
    const epoch = Array.from({ length: sequence.stepsPerEpoch }, (_, step) => sequence.views({ epoch: 2, step }));
    expect(epoch.at(-1)!.index).toHaveLength(3);
    expect(epoch.flatMap(({ index }) => [...index]).sort((a, b) => a - b)).toEqual([...Array(103).keys()]);
  });

  it('refuses a step that is not in the epoch', () => {
    expect(() => new BatchSequence(spec).views({ epoch: 0, step: 11 })).toThrow('an epoch has steps 0 to 10');
  });
});

describe('resize', () => {
  const image = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / 24), Math.floor((i % 24) / 3), i % 3];
    return (x * 37 + y * 91 + c * 53) % 256;
  });

  // Pillow: Image.resize((3, 3), BILINEAR), and the first row of (12, 12).
  it.each([
    [
      3,
      [
        102, 131, 135, 132, 150, 133, 117, 125, 137, 119, 132, 140, 111, 132, 129, 126, 146, 132, 127, 149, 133, 126,
        132, 135, 99, 128, 132,
      ],
    ],
    [
      12,
      [
        0, 53, 106, 19, 72, 125, 43, 96, 149, 68, 121, 174, 93, 146, 199, 117, 170, 223, 142, 195, 248, 167, 220, 145,
        191, 201, 41, 216, 56, 66, 113, 38, 91, 3, 56, 109,
      ],
    ],
  ])('to %i is Pillow’s bilinear within 1', (side, expected) => {
    const found = resizer(8, 8, side).apply(image);
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(1);
  });
});

describe('fetching', () => {
  async function archiveOf(folder: string): Promise<Buffer> {
    const root = await scratch();
    await mkdir(path.join(root, folder));
    await writeFile(path.join(root, folder, 'a.bin'), Buffer.alloc(300_000, 7));
    await create({ gzip: { level: 0 }, file: path.join(root, 'x.tar.gz'), cwd: root, portable: true }, [folder]);
    return readFile(path.join(root, 'x.tar.gz'));
  }

  it('goes on where it broke off, verifies and unpacks; and tells of a wrong digest', async () => {
    const archive = await archiveOf('things');
    const ranges: (string | undefined)[] = [];
    let cut = true;
    const server = createServer((request, response) => {
      const range = request.headers.range;
      ranges.push(range);
      const from = Number(/\d+/.exec(range ?? '0')?.[0]);
      const body = archive.subarray(from);
      response.writeHead(range ? 206 : 200, { 'content-length': body.length });
      if (cut) {
        cut = false;
        response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      } else response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const into = await scratch();
      const source = {
        url: `http://127.0.0.1:${port}/things.tar.gz`,
        md5: createHash('md5').update(archive).digest('hex'),
        archive: 'tar.gz',
        folder: 'things',
      } as const;
      await expect(fetchDataset(source, into, () => {})).rejects.toThrow('the same command goes on from there');
      const folder = await fetchDataset(source, into, () => {});
      expect((await readFile(path.join(folder, 'a.bin'))).length).toBe(300_000);
      expect(ranges[0]).toBeUndefined();
      expect(ranges[1]).toMatch(/^bytes=[1-9]/);
      await expect(fetchDataset({ ...source, md5: '0'.repeat(32), folder: 'other' }, into, () => {})).rejects.toThrow(
        'expected 0000',
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('says plainly that there is no network', async () => {
    const source = { url: 'http://127.0.0.1:9/x.tar.gz', md5: '', archive: 'tar.gz', folder: 'x' } as const;
    await expect(fetchDataset(source, await scratch(), () => {})).rejects.toThrow(
      /cannot reach 127\.0\.0\.1:9 .*without a network/,
    );
  });
});
