import path from 'node:path';
import { datasetFacts } from '../facts.js';
import { RawPicture } from '../views/picture.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { mapDataFile, readDataFile, sha256, standInOf } from './files.js';
import { readList } from './text-lines.js';

const SIDE = datasetFacts['stl-10'].side;
const PLANE = SIDE * SIDE;
const BYTES = 3 * PLANE;
const HINT = "get it with 'mcld data fetch stl-10', or name its folder as the root";

/**
 * STL-10, binary version: `{split}_X.bin` holds 96×96×3 uint8 images, channel-first and COLUMN-major inside a plane;
 * `{split}_y.bin` one label an image, 1 to 10; `unlabeled` has none. The file (2.8 GB for that split) is mapped, and an
 * image turned to rows when asked for.
 */
export async function openStl10({ root, split }: DatasetLocation): Promise<Dataset> {
  const x = `${split}_X.bin`;
  const data = await mapDataFile(root, x, HINT);
  const classNames = await readList(root, 'class_names.txt', HINT);
  if (data.length === 0 || data.length % BYTES !== 0) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, x)} has ${data.length} bytes, which is not a whole number of images of ${BYTES}: it is truncated or padded`,
    );
  }
  const stored = split === 'unlabeled' ? Buffer.alloc(0) : await labelsOf(root, split, data, classNames);
  return {
    count: data.length / BYTES,
    classNames,
    imageSize: { height: SIDE, width: SIDE },
    labels: Uint16Array.from(stored, (label) => label - 1),
    fingerprint: sha256('stl-10', split, data, stored, classNames.join('\n')),
    standIn: await standInOf(root),
    passedOver: [],
    encoded: false,
    picture: (row) => new RawPicture(rowMajor(data, row * BYTES), SIDE, SIDE),
  };
}

async function labelsOf(root: string, split: string, data: Uint8Array, classNames: readonly string[]): Promise<Buffer> {
  const y = `${split}_y.bin`;
  const stored = await readDataFile(root, y, HINT);
  if (data.length !== stored.length * BYTES) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, `${split}_X.bin`)} has ${data.length} bytes, but ${y} has ${stored.length} labels, which need ${stored.length * BYTES}`,
    );
  }
  const wrong = stored.findIndex((label) => label < 1 || label > classNames.length);
  if (wrong < 0) return stored;
  throw new DatasetError(
    'damaged',
    `${path.join(root, y)}: label ${stored[wrong]} of image ${wrong}, expected 1 to ${classNames.length}`,
  );
}

function rowMajor(data: Uint8Array, from: number): Uint8Array {
  const out = new Uint8Array(BYTES);
  for (let row = 0, at = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const inPlane = from + column * SIDE + row;
      out[at++] = data[inPlane] ?? 0;
      out[at++] = data[inPlane + PLANE] ?? 0;
      out[at++] = data[inPlane + 2 * PLANE] ?? 0;
    }
  }
  return out;
}
