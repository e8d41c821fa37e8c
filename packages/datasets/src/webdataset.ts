import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation, type Split } from './dataset.js';
import { openEncoded } from './encoded-images.js';
import { textLines } from './files.js';
import { isImageName } from './image-names.js';
import { indexTar, type TarEntry } from './tar-index.js';

/** How shards of a split are called. */
const shardNames: Readonly<Record<Split, RegExp>> = {
  train: /^(?!.*(test|val|unlabeled)).*\.tar$/i,
  test: /(test|val).*\.tar$/i,
  unlabeled: /unlabeled.*\.tar$/i,
};

/** Bytes of a `.cls` or classes.txt that are read. */
const MAX_TEXT = 1 << 20;

interface Sample {
  readonly shard: string;
  readonly image: TarEntry;
  readonly label: number;
}

/**
 * WebDataset shards: `.tar` files in a folder, in the order of their names, whose members with one stem are a sample: an
 * image (`.jpg`, `.png`, `.webp`, `.tif`) and `.cls`, its class as a number. Shards with `test` or `val` in their name are
 * the test split. Class names come from a `classes.txt` beside them, one a line.
 */
export async function openWebDataset(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const shards = await shardsOf(root, split);
  const samples = (await Promise.all(shards.map((shard) => samplesOf(root, shard, split !== 'unlabeled')))).flat();
  if (samples.length === 0)
    throw new DatasetError('missing', `the shards of ${root} hold no images of split '${split}'`);
  const classNames = await classNamesOf(root, samples);
  return openEncoded<Sample>(location, {
    kind: 'webdataset',
    items: samples,
    classNames,
    labelled: split !== 'unlabeled',
    files: shards,
    nameOf: ({ shard, image }) => `${shard}: ${image.name} (byte ${image.offset})`,
    read: ({ shard, image }) => readEntry(path.join(root, shard), image),
  });
}

async function shardsOf(root: string, split: Split): Promise<string[]> {
  const names = await readdir(root).catch((error: Error) => {
    throw new DatasetError('missing', `cannot list the shards of ${root}: ${error.message}`);
  });
  const shards = names.filter((name) => shardNames[split].test(name)).sort((a, b) => (a < b ? -1 : 1));
  if (shards.length > 0) return shards;
  const wanted = split === 'train' ? 'train-000000.tar' : `${split}-000000.tar`;
  throw new DatasetError('missing', `${root} has no shards of split '${split}'; expected names as ${wanted}`);
}

async function samplesOf(root: string, shard: string, labelled: boolean): Promise<Sample[]> {
  const file = path.join(root, shard);
  const stems = new Map<string, { image?: TarEntry; cls?: TarEntry }>();
  for (const entry of await indexTar(file)) {
    const { dir, base } = path.parse(entry.name);
    const dot = base.indexOf('.');
    const [stem, extension] = [path.join(dir, base.slice(0, dot)), base.slice(dot + 1)];
    const members = stems.get(stem) ?? {};
    if (isImageName(`.${extension}`)) members.image ??= entry;
    else if (extension === 'cls') members.cls = entry;
    stems.set(stem, members);
  }
  const samples: Sample[] = [];
  for (const [stem, { image, cls }] of stems) {
    if (!image) continue;
    const text =
      cls && labelled ? (await readEntry(file, { ...cls, size: Math.min(cls.size, MAX_TEXT) })).toString() : '';
    if (labelled && !/^\s*\d{1,5}\s*$/.test(text)) {
      throw new DatasetError(
        'damaged',
        `${file}: ${stem}.cls is '${text.slice(0, 40)}', expected the number of a class`,
      );
    }
    samples.push({ shard, image, label: Number(text) });
  }
  return samples;
}

async function classNamesOf(root: string, samples: readonly Sample[]): Promise<string[]> {
  const most = samples.reduce((found, { label }) => Math.max(found, label), 0);
  const names = textLines(await readText(path.join(root, 'classes.txt')));
  if (names.length === 0) return Array.from({ length: Math.max(2, most + 1) }, (_, label) => String(label));
  if (most < names.length) return names;
  throw new DatasetError(
    'damaged',
    `${path.join(root, 'classes.txt')} has ${names.length} lines, but a sample is of class ${most}`,
  );
}

async function readText(file: string): Promise<Buffer> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_TEXT), 0, MAX_TEXT, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function readEntry(file: string, { name, offset, size }: TarEntry): Promise<Buffer> {
  const handle = await open(file, 'r').catch((error: Error) => {
    throw new DatasetError('missing', `cannot open ${file}: ${error.message}`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, offset);
    if (bytesRead === size) return buffer;
    throw new DatasetError('damaged', `${file}: ${name} at byte ${offset} is cut off`);
  } finally {
    await handle.close();
  }
}
