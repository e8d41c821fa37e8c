import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation, type Split } from './dataset.js';
import { folderNames, imagesUnder } from './folders.js';
import { openImageFiles } from './image-files.js';

/** Names under which a split is looked for. */
const splitFolders: Readonly<Record<Split, readonly string[]>> = {
  train: ['train'],
  test: ['test', 'val', 'validation'],
  unlabeled: [],
};

/**
 * A tree of one's own: `<split>/<class>/…/*.jpg` (JPEG, PNG, WebP, TIFF; of any depth, shape and colours). The classes
 * are the folders of the training split in the order of their names; `test` may be called `val` or `validation`.
 */
export async function openImageFolder(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const folder = await splitFolder(root, split);
  const classNames = await folderNames(path.join(root, await splitFolder(root, 'train')));
  if (classNames.length < 2) {
    throw new DatasetError(
      'missing',
      `${path.join(root, 'train')} has ${classNames.length} folders; expected one a class`,
    );
  }
  const places = new Map(classNames.map((name, label) => [name, label]));
  const files = [];
  for (const name of await folderNames(path.join(root, folder))) {
    const label = places.get(name);
    if (label === undefined) {
      throw new DatasetError('damaged', `${path.join(root, folder, name)} is of no class of the training split`);
    }
    for (const file of await imagesUnder(root, path.join(folder, name))) files.push({ file, label });
  }
  return openImageFiles(location, { kind: 'image-folder', files, classNames });
}

async function splitFolder(root: string, split: Split): Promise<string> {
  const there = await folderNames(root);
  const found = splitFolders[split].find((name) => there.includes(name));
  if (found) return found;
  const wanted = splitFolders[split].map((name) => `${name}/<class>/`).join(' or ') || 'no folder: it has none';
  throw new DatasetError('missing', `${root} has no split '${split}'; expected ${wanted} with images in it`);
}
