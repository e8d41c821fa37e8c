import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Dataset, DatasetLocation, ImageSize } from './dataset.js';
import { openEncoded } from './encoded-images.js';
import { addressOf, readable, shownPath } from './file-names.js';
import { fileError, READ_NOW } from './files.js';
import { Tally } from './passed-over.js';

/** An image file with its class. */
export interface LabelledFile {
  /** Relative to the root. */
  readonly file: string;
  readonly label: number;
}

interface ImageFiles {
  /** Name of the reader. */
  readonly kind: string;
  readonly files: readonly LabelledFile[];
  readonly classNames: readonly string[];
  readonly imageSize?: ImageSize;
  /** What was passed over when they were listed. */
  readonly passedOver?: Tally;
  /** Where a class's images lie, relative to the root; absent: its name tells. */
  readonly classPlaces?: readonly string[];
  /** What a class without images has in their place, by label. */
  readonly instead?: ReadonlyMap<number, string>;
}

/** A data set of one file an image. Each class of its training split must have one. */
export function openImageFiles(location: DatasetLocation, about: ImageFiles): Promise<Dataset> {
  const { kind, files, imageSize, passedOver = new Tally(), instead } = about;
  const { root, split } = location;
  const classNames = about.classNames.map(readable);
  return openEncoded<LabelledFile>(location, {
    kind,
    classNames,
    ...(imageSize && { imageSize }),
    items: files,
    labelled: true,
    files: files.map(({ file }) => file),
    passedOver,
    needsEveryClass: split === 'train',
    placeOf: (label) => shownPath(about.classPlaces?.[label] ?? `class ${classNames[label]}`),
    insteadOf: (label) => instead?.get(label) ?? 'no image',
    nameOf: ({ file }) => readable(file),
    read: ({ file }) => readImage(path.join(root, file)),
  });
}

async function readImage(name: string): Promise<Buffer> {
  try {
    return await readFile(addressOf(name), { flag: READ_NOW });
  } catch (error) {
    throw fileError('cannot read', name, error);
  }
}
