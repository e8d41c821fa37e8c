import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation } from './dataset.js';
import { readDataFile, textLines } from './files.js';
import { imagesUnder } from './folders.js';
import { type LabelledFile, openImageFiles } from './image-files.js';

const SIDE = 64;
const HINT = "get it with 'mcld data fetch tiny-imagenet', or name its folder as the root";

/**
 * Tiny-ImageNet in its official tree; `test` is its `val`, whose labels are public. The classes are the lines of
 * wnids.txt, in their order. A few JPEGs are grey.
 */
export async function openTinyImagenet(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  const wnids = textLines(await readDataFile(root, 'wnids.txt', HINT));
  const words = new Map(
    textLines(await readDataFile(root, 'words.txt', HINT)).map((line) => line.split('\t') as [string, string]),
  );
  return openImageFiles(location, {
    kind: 'tiny-imagenet',
    files: split === 'train' ? await listTrain(root, wnids) : await listVal(root, wnids),
    classNames: wnids.map((wnid) => (words.get(wnid) ?? wnid).split(',')[0] as string),
    imageSize: { height: SIDE, width: SIDE },
  });
}

async function listTrain(root: string, wnids: readonly string[]): Promise<LabelledFile[]> {
  const files: LabelledFile[] = [];
  for (const [label, wnid] of wnids.entries()) {
    const found = await imagesUnder(root, path.join('train', wnid, 'images')).catch((error: Error) => {
      throw new DatasetError('missing', `${error.message}; ${HINT}`, { cause: error });
    });
    for (const file of found) files.push({ file, label });
  }
  return files;
}

async function listVal(root: string, wnids: readonly string[]): Promise<LabelledFile[]> {
  const place = new Map(wnids.map((wnid, label) => [wnid, label]));
  const name = path.join('val', 'val_annotations.txt');
  return textLines(await readDataFile(root, name, HINT)).map((line, i) => {
    const [file = '', wnid = ''] = line.split('\t');
    const label = place.get(wnid);
    if (label === undefined || !/^[\w.-]+$/.test(file)) {
      throw new DatasetError(
        'damaged',
        `${path.join(root, name)}: line ${i + 1} names '${file}' of class '${wnid}', which is not in wnids.txt`,
      );
    }
    return { file: path.join('val', 'images', file), label };
  });
}
