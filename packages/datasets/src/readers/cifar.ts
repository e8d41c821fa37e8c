import { stat } from 'node:fs/promises';
import path from 'node:path';
import { datasetFacts } from '../facts.js';
import { RawPicture } from '../views/picture.js';
import { classNamesOf, recordsOf } from './cifar-python.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { shownPath } from './file-names.js';
import { readDataFile, sha256, standInOf } from './files.js';
import { listLines } from './text-lines.js';

const SIDE = datasetFacts['cifar-10'].side;
const PLANE = SIDE * SIDE;

/** The files of a version, and how they are read as the binary one: records, and lines of names. */
interface Version {
  readonly files: Readonly<Record<'train' | 'test', readonly string[]>>;
  readonly names: string;
  records(file: string, content: Buffer): Buffer;
  classNames(file: string, content: Buffer): string[];
}

interface Layout {
  readonly name: 'cifar-10' | 'cifar-100';
  /** Bytes before a record's pixels; the last of them is the label. */
  readonly labelBytes: number;
  /** What its archives unpack to. */
  readonly folders: readonly string[];
  readonly binary: Version;
  readonly python: Version;
}

const asTheyAre = {
  records: (_file: string, content: Buffer) => content,
  classNames: (file: string, content: Buffer) => listLines(content, file),
};

const cifar10: Layout = {
  name: 'cifar-10',
  labelBytes: 1,
  folders: ['cifar-10-batches-bin', 'cifar-10-batches-py'],
  binary: {
    ...asTheyAre,
    files: { train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), test: ['test_batch.bin'] },
    names: 'batches.meta.txt',
  },
  python: {
    files: { train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`), test: ['test_batch'] },
    names: 'batches.meta',
    records: (file, content) => recordsOf(file, content, ['labels']),
    classNames: (file, content) => classNamesOf(file, content, 'label_names'),
  },
};

const cifar100: Layout = {
  name: 'cifar-100',
  labelBytes: 2,
  folders: ['cifar-100-binary', 'cifar-100-python'],
  binary: { ...asTheyAre, files: { train: ['train.bin'], test: ['test.bin'] }, names: 'fine_label_names.txt' },
  python: {
    files: { train: ['train'], test: ['test'] },
    names: 'meta',
    records: (file, content) => recordsOf(file, content, ['coarse_labels', 'fine_labels']),
    classNames: (file, content) => classNamesOf(file, content, 'fine_label_names'),
  },
};

export const openCifar10 = (location: DatasetLocation): Promise<Dataset> => openCifar(cifar10, location);

/** With the fine labels. */
export const openCifar100 = (location: DatasetLocation): Promise<Dataset> => openCifar(cifar100, location);

/**
 * CIFAR, binary version: records of one label byte (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels, planes of
 * red, green and blue, row-major. The Python version is turned into these records, so that both are the same data set.
 * All of it is held in memory, as NHWC.
 */
async function openCifar(layout: Layout, { root, split }: DatasetLocation): Promise<Dataset> {
  const { name, labelBytes } = layout;
  const own = "or name the folder of its binary or Python version as the recipe's root";
  const below = await folderBelow(root, layout);
  const hint = below
    ? `name ${shownPath(path.join(root, below))}, which is there, as the recipe's root`
    : `get it with 'mcld data fetch ${name}', ${own}`;
  if (split === 'unlabeled') throw new DatasetError('missing', `${name} has no split 'unlabeled'`);
  const version = await versionIn(root, layout, split);
  const record = labelBytes + 3 * PLANE;
  const parts = [];
  for (const file of version.files[split]) {
    const data = version.records(path.join(root, file), await readDataFile(root, file, hint));
    if (data.length === 0 || data.length % record !== 0) {
      throw new DatasetError(
        'damaged',
        `${path.join(root, file)} has ${data.length} bytes, which is not a whole number of records of ${record} bytes: it is truncated or padded`,
      );
    }
    parts.push({ file, data });
  }
  const names = version.names;
  const classNames = version.classNames(path.join(root, names), await readDataFile(root, names, hint));
  const count = parts.reduce((n, { data }) => n + data.length, 0) / record;
  const labels = new Uint16Array(count);
  const pixels = new Uint8Array(count * 3 * PLANE);
  let row = 0;
  for (const { file, data } of parts) {
    for (let at = 0; at < data.length; at += record, row++) {
      const label = data.readUInt8(at + labelBytes - 1);
      if (label >= classNames.length) {
        const where = `${path.join(root, file)}: record ${at / record} (byte ${at + labelBytes - 1})`;
        throw new DatasetError('damaged', `${where} has label ${label}, expected 0 to ${classNames.length - 1}`);
      }
      labels[row] = label;
      interleave(data, at + labelBytes, pixels, row * 3 * PLANE);
    }
  }
  const bytes = 3 * PLANE;
  return {
    count,
    classNames,
    imageSize: { height: SIDE, width: SIDE },
    labels,
    fingerprint: sha256(name, split, ...parts.map(({ data }) => data), classNames.join('\n')),
    standIn: await standInOf(root),
    passedOver: [],
    encoded: false,
    raw: pixels,
    picture: (image) => new RawPicture(pixels.subarray(image * bytes, (image + 1) * bytes), SIDE, SIDE),
  };
}

/** The binary version, unless more of the Python one's files are there. */
async function versionIn(root: string, { binary, python }: Layout, split: 'train' | 'test'): Promise<Version> {
  const missing = async ({ files, names }: Version) => {
    const filesExist = await Promise.all([...files[split], names].map((file) => isFile(path.join(root, file))));
    return filesExist.filter((exists) => !exists).length;
  };
  return (await missing(python)) < (await missing(binary)) ? python : binary;
}

/** A folder of the root that its makers' archives make: people name the folder that they unpacked them in. */
async function folderBelow(root: string, { folders }: Layout): Promise<string | undefined> {
  const foldersExist = await Promise.all(folders.map((folder) => isFolder(path.join(root, folder))));
  return folders.find((_, i) => foldersExist[i]);
}

const isFolder = (file: string): Promise<boolean> =>
  stat(file).then(
    (about) => about.isDirectory(),
    () => false,
  );

const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (about) => about.isFile(),
    () => false,
  );

function interleave(planes: Buffer, from: number, out: Uint8Array, to: number): void {
  for (let p = 0, at = to; p < PLANE; p++) {
    out[at++] = planes[from + p] ?? 0;
    out[at++] = planes[from + PLANE + p] ?? 0;
    out[at++] = planes[from + 2 * PLANE + p] ?? 0;
  }
}
