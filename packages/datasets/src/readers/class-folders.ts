import type { ImageTree } from './folders.js';
import type { LabelledFile } from './image-files.js';
import { passedOverText, Tally } from './passed-over.js';

/** A folder with the images of one class. */
export interface ClassFolder {
  /** Relative to the root. */
  readonly folder: string;
  readonly label: number;
}

/** The images of class folders, and what lies there besides. */
export interface ClassImages {
  readonly files: readonly LabelledFile[];
  readonly passedOver: Tally;
  /** What a class without images has in their place, by label. */
  readonly instead: ReadonlyMap<number, string>;
}

/** @param passedOver beside the folders @throws DatasetError */
export async function imagesOfClasses(
  tree: ImageTree,
  folders: readonly ClassFolder[],
  passedOver: Tally,
): Promise<ClassImages> {
  const files: LabelledFile[] = [];
  const instead = new Map<number, string>();
  for (const { folder, label } of folders) {
    const others = new Tally();
    const images = await tree.images(folder, others);
    for (const file of images) files.push({ file, label });
    if (images.length === 0) instead.set(label, passedOverText(others.list()) || 'empty');
    passedOver.addAll(others);
  }
  return { files, passedOver, instead };
}
