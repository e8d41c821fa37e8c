import { open } from 'node:fs/promises';
import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation, type Split } from './dataset.js';
import { openEncoded } from './encoded-images.js';
import { readable, shown } from './file-names.js';
import { READ_NOW, textLines } from './files.js';
import { ImageTree } from './folders.js';
import { passedOverText, Tally } from './passed-over.js';
import { type Sample, samplesOf } from './shard-samples.js';
import { readEntry, withTar } from './tar-index.js';

/** How shards of a split are called. */
const shardNames: Readonly<Record<Split, RegExp>> = {
  train: /^(?!.*(test|val|unlabeled)).*\.tar$/i,
  test: /(test|val).*\.tar$/i,
  unlabeled: /unlabeled.*\.tar$/i,
};

/** Shards that would be read if they were unpacked. */
const COMPRESSED = /\.(tar\.(gz|bz2|xz|zst|lz4|lzma|z)|tgz|tbz2?|txz)$/i;

/** Bytes of classes.txt that are read. */
const MAX_TEXT = 1 << 20;

/** Shards that are indexed at once. */
const AT_ONCE = 16;

/**
 * WebDataset shards: `.tar` files in a folder, in the order of their names, with samples as shard-samples.ts has them:
 * an image (`.jpg`, `.png`, …) and `.cls`, its class as a number. Shards with `test` or `val` in their name are the
 * test split. Class names come from a `classes.txt` beside them, one a line; without it the classes are the numbers of
 * the training split, each of which must have an image.
 */
export async function openWebDataset(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const passedOver = new Tally();
  const names = await (await ImageTree.open(location)).names();
  const shards = shardsOf(names, location, passedOver);
  const samples = await samplesIn(root, shards, split !== 'unlabeled', passedOver);
  if (samples.length === 0) {
    const found = passedOverText(passedOver.list());
    throw new DatasetError(
      'missing',
      `the shards of ${root} hold no images of split '${split}'${found && `: ${found}`}`,
    );
  }
  const declared = textLines(await readText(path.join(root, 'classes.txt')));
  const classNames = declared.length > 0 ? declared : await numbers(location, names, samples);
  const highest = highestOf(samples);
  if (highest >= classNames.length) {
    const which =
      declared.length > 0 ? `classes.txt has ${declared.length} lines` : 'the training split has none of it';
    throw new DatasetError('damaged', `${root}: a sample of split '${split}' is of class ${highest}, but ${which}`);
  }
  return openEncoded<Sample>(location, {
    kind: 'webdataset',
    items: samples,
    classNames,
    labelled: split !== 'unlabeled',
    files: shards,
    passedOver,
    needsEveryClass: split === 'train' && declared.length === 0,
    placeOf: (label) => `class ${classNames[label]}`,
    insteadOf: () => 'no sample has its number; if that is meant, name all classes in a classes.txt',
    nameOf: ({ shard, image }) => `${readable(shard)}: ${readable(image.name)} (byte ${image.offset})`,
    read: ({ shard, image }) => {
      const where = path.join(root, shard);
      return withTar(where, (handle) => readEntry(handle, image, where));
    },
  });
}

function shardsOf(names: readonly string[], { root, split }: DatasetLocation, passedOver: Tally): string[] {
  const shards = names.filter((name) => shardNames[split].test(name));
  const compressed = names.filter(
    (name) => COMPRESSED.test(name) && shardNames[split].test(name.replace(COMPRESSED, '.tar')),
  );
  if (shards.length > 0) {
    for (const name of compressed) passedOver.add('compressed shards', name);
    return shards;
  }
  const wanted = split === 'train' ? 'train-000000.tar' : `${split}-000000.tar`;
  const [first] = compressed;
  const found = first ? `; ${shown(first)} is compressed: unpack it to a plain .tar` : '';
  throw new DatasetError('missing', `${root} has no shards of split '${split}'; expected names as ${wanted}${found}`);
}

async function samplesIn(
  root: string,
  shards: readonly string[],
  labelled: boolean,
  passedOver: Tally,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let from = 0; from < shards.length; from += AT_ONCE) {
    const read = shards.slice(from, from + AT_ONCE).map((shard) => {
      const where = path.join(root, shard);
      return withTar(where, (handle) => samplesOf(handle, { shard, where, labelled }));
    });
    for (const found of await Promise.all(read)) {
      for (const sample of found.samples) samples.push(sample);
      passedOver.addAll(found.passedOver);
    }
  }
  return samples;
}

const highestOf = (samples: readonly Sample[]): number =>
  samples.reduce((found, { label }) => Math.max(found, label), 0);

/** Names of classes that have none: the numbers of the training split, also where another is read. */
async function numbers(
  { root, split }: DatasetLocation,
  names: readonly string[],
  samples: readonly Sample[],
): Promise<string[]> {
  const train = split === 'train' ? [] : names.filter((name) => shardNames.train.test(name));
  const those = train.length > 0 ? await samplesIn(root, train, true, new Tally()) : samples;
  return Array.from({ length: highestOf(those) + 1 }, (_, label) => String(label));
}

async function readText(file: string): Promise<Buffer> {
  const handle = await open(file, READ_NOW).catch(() => undefined);
  if (!handle) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_TEXT), 0, MAX_TEXT, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
