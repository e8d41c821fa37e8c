import path from 'node:path';
import { type ClassFolder, type ClassImages, imagesOfClasses } from './class-folders.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { composed, shownPath, spelledOut } from './file-names.js';
import { ImageTree } from './folders.js';
import { openImageFiles } from './image-files.js';
import { isImageName } from './image-names.js';
import { isPlaceholder } from './junk-names.js';
import { passedOverText, Tally } from './passed-over.js';

const TRAIN = 'train';

/** Names of the folder to test on, in the order in which they are tried. */
const TESTS: readonly string[] = ['test', 'val', 'validation', 'valid'];

/** Folders that an error lists. */
const NAMED = 5;

/**
 * A folder of the user's images: `<split>/<class>/…/*.jpg` (of any depth, shape and colours). The classes are the
 * folders of the training split, as Python's `sorted` has them; `test` may be called `val`, `validation` or `valid`:
 * the first that has images in folders of these classes is read. A name in another Unicode form is of the same class.
 */
export async function openImageFolder(location: DatasetLocation): Promise<Dataset> {
  const { root, split } = location;
  if (split === 'unlabeled')
    throw new DatasetError('missing', `${root} has no split 'unlabeled': a folder of images has none`);
  const tree = await ImageTree.open(location);
  const isTrain = split === 'train';
  const classes = await classesOf(tree);
  const images = isTrain ? (await splitImages(tree, TRAIN, classes)).images : await testImages(tree, classes);
  await tallyBeside(tree, images.passedOver);
  return openImageFiles(location, {
    kind: 'image-folder',
    classNames: classes,
    classPlaces: isTrain ? classes.map((name) => path.join(TRAIN, name)) : classes,
    ...images,
  });
}

async function classesOf(tree: ImageTree): Promise<string[]> {
  await foldersOf(tree, 'train', [TRAIN]);
  const beside = new Tally();
  const classes = await distinctFolders(tree, TRAIN, beside);
  if (classes.length > 1) return classes;
  const unused = passedOverText(beside.list());
  throw new DatasetError(
    'missing',
    `${path.join(tree.root, TRAIN)} has ${classes.length} folders; expected one a class${unused && `, found ${unused}`}`,
  );
}

/** The names that exist as folders. @throws DatasetError where none does */
async function foldersOf(tree: ImageTree, split: string, names: readonly string[]): Promise<string[]> {
  const folders = await foldersAtRoot(tree);
  const splits = names.filter((name) => folders.includes(name));
  if (splits.length > 0) return splits;
  const expected = names.map((name) => `${name}/<class>/`).join(' or ');
  const others = folders.slice(0, NAMED).map(shownPath).join(', ');
  throw new DatasetError(
    'missing',
    `${tree.root} has no split '${split}'; expected ${expected} with images in it, found ${others || 'nothing'}`,
  );
}

const foldersAtRoot = async (tree: ImageTree): Promise<string[]> =>
  (await tree.atRoot()).filter(({ kind }) => kind === 'folder' || kind === 'link').map(({ name }) => name);

const isSplit = (name: string): boolean => name === TRAIN || TESTS.includes(name);

/** Counts what lies beside the splits: folders that no link of a split leads into, and images. */
async function tallyBeside(tree: ImageTree, passedOver: Tally): Promise<void> {
  for (const { name, kind } of await tree.atRoot()) {
    if (isSplit(name) || tree.isLinkedTo(name)) continue;
    if (kind === 'folder' || kind === 'link') passedOver.add(`${kind}s beside the splits`, name);
    else if (isPlaceholder(name)) passedOver.addFile(name);
    else if (isImageName(name)) passedOver.add('images beside the splits', name);
  }
}

async function distinctFolders(tree: ImageTree, folder: string, passedOver: Tally): Promise<string[]> {
  const names = await tree.folders(folder, passedOver);
  const byForm = new Map<string, string>();
  for (const name of names) {
    const other = byForm.get(composed(name));
    if (other !== undefined) {
      throw new DatasetError(
        'damaged',
        `${path.join(tree.root, folder)} has one class name in two Unicode forms, ${spelledOut(other)} and ` +
          `${spelledOut(name)}; put their images into one folder`,
      );
    }
    byForm.set(composed(name), name);
  }
  return names;
}

/** The images of a split's folder, and which of its folders belong to no class. */
async function splitImages(
  tree: ImageTree,
  folder: string,
  classes: readonly string[],
): Promise<{ images: ClassImages; unknown: string[] }> {
  const passedOver = new Tally();
  const labels = new Map(classes.map((name, label) => [composed(name), label]));
  const known: ClassFolder[] = [];
  const unknown: string[] = [];
  for (const name of await distinctFolders(tree, folder, passedOver)) {
    const label = labels.get(composed(name));
    const place = path.join(folder, name);
    if (label === undefined) unknown.push(place);
    else known.push({ folder: place, label });
  }
  return { images: await imagesOfClasses(tree, known, passedOver), unknown };
}

/** The images of the first folder that has any of these classes. @throws DatasetError */
async function testImages(tree: ImageTree, classes: readonly string[]): Promise<ClassImages> {
  const folders = await foldersOf(tree, 'test', TESTS);
  const refused: string[] = [];
  for (const folder of folders) {
    const { images, unknown } = await splitImages(tree, folder, classes);
    const [stranger] = unknown;
    const trouble = stranger && `${path.join(tree.root, shownPath(stranger))} is of no class of the training split`;
    if (images.files.length === 0) {
      refused.push(trouble ?? `${folder}/ has ${passedOverText(images.passedOver.list()) || 'no files'}`);
      continue;
    }
    if (trouble) throw new DatasetError('damaged', trouble);
    for (const other of folders) {
      if (other !== folder) images.passedOver.add(`folders beside ${folder}/, which is the test split`, other);
    }
    return images;
  }
  const others = (await foldersAtRoot(tree)).filter((name) => !isSplit(name)).slice(0, NAMED);
  const beside = others.length > 0 ? `; beside them lie ${others.map(shownPath).join(', ')}` : '';
  throw new DatasetError(
    'missing',
    `${tree.root} has no images of its classes in ${folders.map((name) => `${name}/<class>/`).join(' or ')}: ` +
      `${refused.join('; ')}${beside}`,
  );
}
