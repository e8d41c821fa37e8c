import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { openEncoded } from './encoded-images.js';
import { readable, shownPath } from './file-names.js';
import { READ_NOW } from './files.js';
import { ImageTree, type RootEntry } from './folders.js';
import { passedOverText, Tally } from './passed-over.js';
import { isShard, shardsOf } from './shard-names.js';
import { type Sample, samplesOf } from './shard-samples.js';
import { readEntry, withTar } from './tar-index.js';
import { listLines } from './text-lines.js';

/** What else of a folder of shards is read. */
const NOTES: readonly string[] = ['classes.txt', 'STAND-IN.txt'];

/** Names that an error lists. */
const NAMED = 5;

/** Bytes of classes.txt that are read. */
const MAX_TEXT = 1 << 20;

/** Shards that are indexed at once. */
const AT_ONCE = 16;

/**
 * WebDataset shards: `.tar` files in a folder, in the order of their names, with samples as shard-samples.ts has them:
 * an image (`.jpg`, `.png`, …) and `.cls`, its class as a number. shard-names.ts tells their splits. Class names come
 * from a `classes.txt` beside them, one a line; without it the classes are the numbers of the training split, each of
 * which must have an image.
 */
export async function openWebDataset(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const passedOver = new Tally();
  const entries = await (await ImageTree.open(location)).atRoot();
  const names = entries.filter(mayBeShard).map(({ name }) => name);
  const shards = chosenShards(entries, names, location, passedOver);
  tallyOthers(entries, passedOver);
  const samples = await samplesIn(root, shards, split !== 'unlabeled', passedOver);
  if (samples.length === 0) {
    const unused = passedOverText(passedOver.list());
    throw new DatasetError(
      'missing',
      `the shards of ${root} hold no images of split '${split}'${unused && `: ${unused}`}`,
    );
  }
  const list = path.join(root, 'classes.txt');
  const declared = listLines(await readText(list), list);
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

const mayBeShard = ({ name, kind }: RootEntry): boolean => kind !== 'folder' && isShard(name);

function chosenShards(
  entries: readonly RootEntry[],
  names: readonly string[],
  { root, split }: DatasetLocation,
  passedOver: Tally,
): readonly string[] {
  const { plain, compressed } = shardsOf(names, split, passedOver);
  const [first] = compressed;
  if (plain.length > 0) {
    for (const name of compressed) passedOver.add('compressed shards', name);
    return plain;
  }
  const example = split === 'train' ? 'train-000000.tar' : `${split}-000000.tar`;
  const contents = first
    ? `; ${shownPath(first)} is compressed: unpack it to a plain .tar`
    : `, found ${listOf(entries)}`;
  throw new DatasetError(
    'missing',
    `${root} has no shards of split '${split}'; expected names as ${example}${contents}`,
  );
}

function listOf(entries: readonly RootEntry[]): string {
  const names = entries.slice(0, NAMED).map(({ name, kind }) => shownPath(name) + (kind === 'folder' ? '/' : ''));
  return [...names, ...(entries.length > NAMED ? ['…'] : [])].join(', ') || 'nothing';
}

/** Counts what lies beside the shards. */
function tallyOthers(entries: readonly RootEntry[], passedOver: Tally): void {
  for (const entry of entries) {
    const { name, kind } = entry;
    if (mayBeShard(entry) || NOTES.includes(name)) continue;
    if (kind === 'folder' || kind === 'link') passedOver.add(`${kind}s beside the shards`, name);
    else passedOver.addFile(name);
  }
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
    for (const shard of await Promise.all(read)) {
      for (const sample of shard.samples) samples.push(sample);
      passedOver.addAll(shard.passedOver);
    }
  }
  return samples;
}

const highestOf = (samples: readonly Sample[]): number =>
  samples.reduce((greatest, { label }) => Math.max(greatest, label), 0);

/** Names of classes that have none: the numbers of the training split, also where another is read. */
async function numbers(
  { root, split }: DatasetLocation,
  names: readonly string[],
  samples: readonly Sample[],
): Promise<string[]> {
  const train = split === 'train' ? [] : shardsOf(names, 'train', new Tally()).plain;
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
