import { access } from 'node:fs/promises';
import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation } from './dataset.js';
import { readDataFile, textLines } from './files.js';
import { folderNames, imagesUnder } from './folders.js';
import { type LabelledFile, openImageFiles } from './image-files.js';

const HINT = "name the folder that holds ImageNet's train/ and val/ as the recipe's root";

/**
 * ImageNet-1k: `train/<wnid>/*.JPEG` and `val/`, in folders by wnid, or flat with one of the lists that tell the truth:
 * LOC_val_solution.csv (the current distribution), or ILSVRC2012_validation_ground_truth.txt with map_clsloc.txt
 * (the development kits). The classes are the sorted wnids, as torchvision has them; names come from
 * LOC_synset_mapping.txt where it is there.
 */
export async function openImagenet(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const wnids = await folderNames(path.join(root, 'train'));
  if (wnids.length < 2) throw new DatasetError('missing', `${path.join(root, 'train')} has no class folders; ${HINT}`);
  const files = split === 'train' ? await inFolders(root, 'train', wnids) : await validation(root, wnids);
  const names = await classNames(root);
  return openImageFiles(location, {
    kind: 'imagenet',
    files,
    classNames: wnids.map((wnid) => names.get(wnid) ?? wnid),
  });
}

async function inFolders(root: string, split: string, wnids: readonly string[]): Promise<LabelledFile[]> {
  const files: LabelledFile[] = [];
  for (const [label, wnid] of wnids.entries()) {
    for (const file of await imagesUnder(root, path.join(split, wnid))) files.push({ file, label });
  }
  return files;
}

async function validation(root: string, wnids: readonly string[]): Promise<LabelledFile[]> {
  const folders = await folderNames(path.join(root, 'val'));
  const places = new Map(wnids.map((wnid, label) => [wnid, label]));
  const unknown = folders.find((name) => !places.has(name));
  if (unknown) throw new DatasetError('damaged', `${path.join(root, 'val', unknown)} is of no class of train/`);
  if (folders.length > 0)
    return inFolders(
      root,
      'val',
      wnids.filter((wnid) => folders.includes(wnid)),
    );
  const files = await imagesUnder(root, 'val');
  const wnidOf = await truth(root, files);
  return files.map((file) => {
    const label = places.get(wnidOf.get(path.parse(file).name) ?? '');
    if (label === undefined)
      throw new DatasetError('damaged', `the validation list has no class for ${path.join(root, file)}`);
    return { file, label };
  });
}

/** Image name → wnid, from whichever list is there. */
async function truth(root: string, files: readonly string[]): Promise<Map<string, string>> {
  const csv = 'LOC_val_solution.csv';
  if (await exists(root, csv)) {
    const rows = textLines(await readDataFile(root, csv, HINT)).slice(1);
    return new Map(rows.map((row) => [row.split(',')[0] ?? '', /,\s*(n\d+)/.exec(row)?.[1] ?? '']));
  }
  const list = 'ILSVRC2012_validation_ground_truth.txt';
  const ids = textLines(await readDataFile(root, list, `expected val/<wnid>/ folders, ${csv} or ${list}`));
  const map = textLines(await readDataFile(root, 'map_clsloc.txt', `${list} needs it: it tells the ids' wnids`));
  const wnids = new Map(map.map((line) => [line.split(' ')[1], line.split(' ')[0] ?? '']));
  if (ids.length !== files.length) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, list)} has ${ids.length} lines for ${files.length} images in val/`,
    );
  }
  return new Map(files.map((file, i) => [path.parse(file).name, wnids.get(ids[i]?.trim()) ?? '']));
}

async function classNames(root: string): Promise<Map<string, string>> {
  const list = 'LOC_synset_mapping.txt';
  if (!(await exists(root, list))) return new Map();
  const lines = textLines(await readDataFile(root, list, HINT));
  return new Map(lines.map((line) => [line.slice(0, 9), line.slice(10).split(',')[0] ?? '']));
}

const exists = (root: string, name: string): Promise<boolean> =>
  access(path.join(root, name)).then(
    () => true,
    () => false,
  );
