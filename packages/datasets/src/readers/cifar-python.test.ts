import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openCifar10, openCifar100 } from './cifar.js';
import { at, messageOf, pixelsOf, scratch } from './test-support.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

/** The records of the binary version that the fixtures are made of. */
const record = (image: number, labelBytes: number) =>
  Buffer.from([
    ...Array.from({ length: labelBytes }, () => image % 3),
    ...Array.from({ length: 3072 }, (_, p) => (7 * image + 3 * p + (p >> 8)) % 256),
  ]);

async function binary10(): Promise<string> {
  const root = await scratch();
  await writeFile(path.join(root, 'batches.meta.txt'), 'apple\nbear\ncup\n\n');
  for (let n = 1; n <= 5; n++) await writeFile(path.join(root, `data_batch_${n}.bin`), record(n, 1));
  await writeFile(path.join(root, 'test_batch.bin'), Buffer.concat([record(0, 1), record(4, 1)]));
  return root;
}

async function binary100(): Promise<string> {
  const root = await scratch();
  await writeFile(path.join(root, 'fine_label_names.txt'), 'apple\nbear\ncup\n');
  await writeFile(path.join(root, 'test.bin'), Buffer.concat([record(0, 2), record(1, 2)]));
  return root;
}

describe('CIFAR’s Python version', () => {
  it.each(['train', 'test'] as const)('of CIFAR-10, pickled by Python 2, is the same data set (%s)', async (split) => {
    const found = await openCifar10(at(fixture('cifar-10-python2'), split));
    const binary = await openCifar10(at(await binary10(), split));
    expect([...found.labels]).toEqual(split === 'train' ? [1, 2, 0, 1, 2] : [0, 1]);
    expect(found.classNames).toEqual(['apple', 'bear', 'cup']);
    // Pixel 33 of image 1 (or 0): planes of red, green and blue.
    const image = split === 'train' ? 1 : 0;
    const planes = [33, 33 + 1024, 33 + 2048].map((p) => record(image, 0)[p]);
    expect([...(await pixelsOf(found, 0)).subarray(3 * 33, 3 * 34)]).toEqual(planes);
    expect(found.fingerprint).toBe(binary.fingerprint);
  });

  it.each(['numpy1-protocol2', 'numpy1-scalars', 'numpy2-protocol4', 'numpy2-protocol5', 'numpy2-arrays'])(
    'of CIFAR-100, pickled again by Python 3 (%s), is the same data set',
    async (name) => {
      const found = await openCifar100(at(fixture(`cifar-100-${name}`), 'test'));
      const binary = await openCifar100(at(await binary100(), 'test'));
      expect([...found.labels]).toEqual([0, 1]);
      expect(found.raw).toEqual(binary.raw);
      expect(found.fingerprint).toBe(binary.fingerprint);
    },
  );

  it('gives way to a binary one that is as whole', async () => {
    const root = await binary10();
    await writeFile(path.join(root, 'data_batch_1'), 'no batch');
    await writeFile(path.join(root, 'batches.meta'), 'no names');
    expect((await openCifar10(at(root, 'train'))).count).toBe(5);
    await cp(fixture('cifar-10-python2'), root, { recursive: true });
    await writeFile(path.join(root, 'test_batch'), 'no batch');
    expect((await openCifar10(at(root, 'test'))).count).toBe(2);
    await rm(path.join(root, 'data_batch_5.bin'));
    expect((await openCifar10(at(root, 'train'))).count).toBe(5);
  });

  it('that is half unpacked, or damaged, is refused by the name of the file', async () => {
    const root = await scratch();
    await cp(fixture('cifar-10-python2'), root, { recursive: true });
    const open = () => openCifar10(at(root, 'train'));
    const file = path.join(root, 'data_batch_2');
    const good = await readFile(file);
    const refused = `${file} is not a batch of CIFAR's Python version: `;
    const cases: [Buffer, string][] = [
      [good.subarray(0, 1000), '3072 bytes are wanted past the pickle'],
      [Buffer.alloc(0), 'no pickle of protocol 2 or later'],
      [Buffer.from('<!doctype html>'), 'no pickle of protocol 2 or later'],
      [
        Buffer.from(good.toString('latin1').replace('U\x06labels', 'U\x06lables'), 'latin1'),
        'no labels (found filenames, batch_label, lables, data)',
      ],
      [
        Buffer.from(good.toString('latin1').replace('u1', 'u2'), 'latin1'),
        'an array of u2, expected u1 (uint8) in C order',
      ],
      [
        Buffer.from(good.toString('latin1').replace('numpy.core.multiarray', 'numpy.core.multiarrax'), 'latin1'),
        'the pickle wants numpy.core.multiarrax._reconstruct',
      ],
    ];
    for (const [bytes, message] of cases) {
      await writeFile(file, bytes);
      await expect(open()).rejects.toThrow(refused + message);
    }
    await rm(file);
    await expect(open()).rejects.toThrow(
      `no file ${file}; get it with 'mcld data fetch cifar-10', or name the folder of its binary or Python version`,
    );
  });

  it('that is a file of another kind is named as that', async () => {
    const root = await scratch();
    await cp(fixture('cifar-10-python2'), root, { recursive: true });
    const file = path.join(root, 'data_batch_2');
    const good = await readFile(file);
    const cases: [Buffer, string][] = [
      [Buffer.from('<!doctype html><title>404</title>'), 'an HTML page, as a web server answers'],
      [gzipSync(good), 'gzip-compressed data; unpack it'],
      [Buffer.from('PK\x03\x04data.npy'), 'a ZIP archive; unpack it'],
      [Buffer.alloc(0), 'empty'],
    ];
    for (const [bytes, kind] of cases) {
      await writeFile(file, bytes);
      expect(await messageOf(openCifar10(at(root, 'train')), root)).toContain(
        "ROOT/data_batch_2 is not a batch of CIFAR's Python version: no pickle of protocol 2 or later " +
          `(in Python: pickle.dump(x, file, protocol=2)), at byte 0 of ${bytes.length}; it is ${kind}`,
      );
    }
  });

  it('with labels of the other byte order is the same data set', async () => {
    const root = await scratch();
    await cp(fixture('cifar-100-numpy2-odd'), root, { recursive: true });
    await cp(fixture('cifar-100-numpy2-arrays/meta'), path.join(root, 'meta'));
    const found = await openCifar100(at(root, 'test'));
    const binary = await openCifar100(at(await binary100(), 'test'));
    expect([[...found.labels], found.fingerprint]).toEqual([[0, 1], binary.fingerprint]);
  });

  it.each([
    ['meta', 'fine_label_names[0] is not text, or empty'],
    ['meta-array', 'fine_label_names is not a list of names'],
  ])('with names that NumPy has made is refused with what to write (%s)', async (name, what) => {
    const root = await scratch();
    await cp(fixture('cifar-100-numpy2-arrays'), root, { recursive: true });
    await cp(fixture(`cifar-100-numpy2-odd/${name}`), path.join(root, 'meta'));
    expect(await messageOf(openCifar100(at(root, 'test')), root)).toBe(
      `ROOT/meta is not a batch of CIFAR's Python version: ${what} (in Python: [str(name) for name in names])`,
    );
  });

  it('that lies one folder down is told of', async () => {
    const root = await scratch();
    await cp(fixture('cifar-10-python2'), path.join(root, 'cifar-10-batches-py'), { recursive: true });
    expect(await messageOf(openCifar10(at(root, 'train')), root)).toBe(
      "no file ROOT/data_batch_1.bin; name ROOT/cifar-10-batches-py, which is there, as the recipe's root",
    );
  });

  it('with a label past the classes, or of another data set, is refused by name', async () => {
    const root = await scratch();
    await cp(fixture('cifar-100-numpy2-protocol4'), root, { recursive: true });
    await writeFile(path.join(root, 'meta'), await readFile(fixture('cifar-10-python2/batches.meta')));
    await expect(openCifar100(at(root, 'test'))).rejects.toThrow(
      "meta is not a batch of CIFAR's Python version: " +
        'no fine_label_names (found num_cases_per_batch, label_names, num_vis)',
    );
    await cp(fixture('cifar-100-numpy2-protocol4'), root, { recursive: true });
    const test = await readFile(path.join(root, 'test'));
    // The second label, a BININT1 before the end of its list.
    const wrong = Buffer.from(test.toString('latin1').replaceAll('K\0K\x01e', 'K\0K\x07e'), 'latin1');
    await writeFile(path.join(root, 'test'), wrong);
    await expect(openCifar100(at(root, 'test'))).rejects.toThrow(/test: record 1 .* has label 7, expected 0 to 2/);
  });
});
