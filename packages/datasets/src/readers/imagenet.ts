import { access } from 'node:fs/promises';
import path from 'node:path';
import { type ClassImages, imagesOfClasses } from './class-folders.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { shownPath } from './file-names.js';
import { ImageTree } from './folders.js';
import { openImageFiles } from './image-files.js';
import { Tally } from './passed-over.js';
import { readLines } from './text-lines.js';

const HINT = "name the folder that holds ImageNet's train/ and val/ as the recipe's root";

/**
 * ImageNet-1k: `train/<wnid>/*.JPEG` and `val/`, in folders by wnid, or flat with one of the lists that tell the truth:
 * LOC_val_solution.csv (the current distribution), or ILSVRC2012_validation_ground_truth.txt with map_clsloc.txt
 * (the development kits). The classes are the sorted wnids, as torchvision has them; names come from
 * LOC_synset_mapping.txt where it is there.
 */
export async function openImagenet(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const tree = await ImageTree.open(location);
  const passedOver = new Tally();
  const wnids = await tree.folders('train', passedOver);
  if (wnids.length < 2) throw new DatasetError('missing', `${path.join(root, 'train')} has no class folders; ${HINT}`);
  const labels = new Map(wnids.map((wnid, label) => [wnid, label]));
  const isTrain = split === 'train';
  const images = isTrain ? await inFolders(tree, 'train', labels, passedOver) : await validation(tree, labels);
  const names = await classNames(root);
  return openImageFiles(location, {
    kind: 'imagenet',
    classNames: wnids.map((wnid) => names.get(wnid) ?? wnid),
    classPlaces: isTrain ? wnids.map((wnid) => path.join('train', wnid)) : wnids,
    ...images,
  });
}

function inFolders(
  tree: ImageTree,
  split: string,
  labels: ReadonlyMap<string, number>,
  passedOver: Tally,
): Promise<ClassImages> {
  const folders = Array.from(labels, ([wnid, label]) => ({ folder: path.join(split, wnid), label }));
  return imagesOfClasses(tree, folders, passedOver);
}

async function validation(tree: ImageTree, labels: ReadonlyMap<string, number>): Promise<ClassImages> {
  const { root } = tree;
  const beside = new Tally();
  const folders = await tree.folders('val', beside);
  const unknown = folders.find((name) => !labels.has(name));
  if (unknown)
    throw new DatasetError('damaged', `${path.join(root, 'val', shownPath(unknown))} is of no class of train/`);
  if (folders.length > 0) {
    const labelsOfFolders = new Map(Array.from(labels).filter(([wnid]) => folders.includes(wnid)));
    return inFolders(tree, 'val', labelsOfFolders, beside);
  }
  const passedOver = new Tally();
  const listed = await tree.images('val', passedOver);
  const wnidOf = await truth(root, listed);
  const files = listed.map((file) => {
    const label = labels.get(wnidOf.get(imageName(file)) ?? '');
    if (label === undefined) {
      throw new DatasetError('damaged', `the validation list has no class for ${shownPath(path.join(root, file))}`);
    }
    return { file, label };
  });
  const fileNames = new Set(listed.map(imageName));
  for (const name of wnidOf.keys()) {
    if (!fileNames.has(name)) passedOver.add('images of the validation list that are not in val/', name);
  }
  return { files, passedOver, instead: new Map() };
}

const imageName = (file: string): string => path.parse(file).name;

/** Image name → wnid, from whichever list is there. */
async function truth(root: string, files: readonly string[]): Promise<Map<string, string>> {
  const csv = 'LOC_val_solution.csv';
  if (await exists(root, csv)) {
    const rows = (await readLines(root, csv, HINT)).slice(1);
    return new Map(rows.map((row) => [row.split(',')[0] ?? '', /,\s*(n\d+)/.exec(row)?.[1] ?? '']));
  }
  const list = 'ILSVRC2012_validation_ground_truth.txt';
  const ids = await readLines(root, list, `expected val/<wnid>/ folders, ${csv} or ${list}`);
  const map = await readLines(root, 'map_clsloc.txt', `${list} needs it: it tells the ids' wnids`);
  const wnids = new Map(map.map((line) => [line.split(' ')[1], line.split(' ')[0] ?? '']));
  if (ids.length !== files.length) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, list)} has ${ids.length} lines for ${files.length} images in val/`,
    );
  }
  return new Map(files.map((file, i) => [imageName(file), wnids.get(ids[i]?.trim()) ?? '']));
}

async function classNames(root: string): Promise<Map<string, string>> {
  const list = 'LOC_synset_mapping.txt';
  if (!(await exists(root, list))) return new Map();
  const lines = await readLines(root, list, HINT);
  return new Map(lines.map((line) => [line.slice(0, 9), line.slice(10).split(',')[0] ?? '']));
}

const exists = (root: string, name: string): Promise<boolean> =>
  access(path.join(root, name)).then(
    () => true,
    () => false,
  );
