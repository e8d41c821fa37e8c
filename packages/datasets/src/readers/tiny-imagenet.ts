import path from 'node:path';
import { datasetFacts } from '../facts.js';
import { type ClassImages, imagesOfClasses } from './class-folders.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { ImageTree } from './folders.js';
import { type LabelledFile, openImageFiles } from './image-files.js';
import { Tally } from './passed-over.js';
import { readLines, readList } from './text-lines.js';

const SIDE = datasetFacts['tiny-imagenet'].side;
const HINT = "get it with 'mcld data fetch tiny-imagenet', or name its folder as the root";

/**
 * Tiny-ImageNet in its official tree; `test` is its `val`, whose labels are public. The classes are the lines of
 * wnids.txt, in their order. A few JPEGs are grey.
 */
export async function openTinyImagenet(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const wnids = await readList(root, 'wnids.txt', HINT);
  const words = new Map(
    (await readLines(root, 'words.txt', HINT)).map((line) => {
      const [wnid = '', names = wnid] = line.split('\t');
      return [wnid, names];
    }),
  );
  const tree = await ImageTree.open(location);
  return openImageFiles(location, {
    kind: 'tiny-imagenet',
    classNames: wnids.map((wnid) => (words.get(wnid) ?? wnid).replace(/,.*/s, '')),
    classPlaces: split === 'train' ? wnids.map(trainFolder) : wnids,
    imageSize: { height: SIDE, width: SIDE },
    ...(split === 'train' ? await listTrain(tree, wnids) : await listVal(tree, wnids, location.skipDamaged)),
  });
}

const trainFolder = (wnid: string): string => path.join('train', wnid, 'images');

function listTrain(tree: ImageTree, wnids: readonly string[]): Promise<ClassImages> {
  const folders = wnids.map((wnid, label) => ({ folder: trainFolder(wnid), label }));
  return imagesOfClasses(tree, folders, new Tally()).catch((error: Error) => {
    if (error instanceof DatasetError && error.fault === 'missing') {
      throw new DatasetError('missing', `${error.message}; ${HINT}`, { cause: error });
    }
    throw error;
  });
}

async function listVal(
  tree: ImageTree,
  wnids: readonly string[],
  skipDamaged: boolean,
): Promise<{ files: LabelledFile[]; passedOver: Tally }> {
  const { root } = tree;
  const passedOver = new Tally();
  const valFiles = new Set(await tree.images(path.join('val', 'images'), passedOver));
  const place = new Map(wnids.map((wnid, label) => [wnid, label]));
  const name = path.join('val', 'val_annotations.txt');
  const files: LabelledFile[] = [];
  const named = new Set<string>();
  for (const [i, line] of (await readLines(root, name, HINT)).entries()) {
    const [image = '', wnid = ''] = line.split('\t');
    const label = place.get(wnid);
    if (label === undefined || !/^[\w.-]+$/.test(image)) {
      throw new DatasetError(
        'damaged',
        `${path.join(root, name)}: line ${i + 1} names '${image}' of class '${wnid}', which is not in wnids.txt`,
      );
    }
    const file = path.join('val', 'images', image);
    named.add(file);
    if (valFiles.has(file)) files.push({ file, label });
    else if (skipDamaged) passedOver.add('images of val_annotations.txt that are not there', file);
    else
      throw new DatasetError(
        'missing',
        `${path.join(root, name)}: line ${i + 1} names ${image}, but there is no such image`,
      );
  }
  for (const file of valFiles) {
    if (!named.has(file)) passedOver.add('images that val_annotations.txt does not name', file);
  }
  return { files, passedOver };
}
