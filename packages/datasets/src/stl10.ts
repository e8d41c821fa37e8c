import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation } from './dataset.js';
import { readDataFile, sha256, standInOf, textLines } from './files.js';
import { resizer } from './resize.js';

const SIDE = 96;
const PLANE = SIDE * SIDE;
const HINT = "get it with 'mcld data fetch stl-10', or name its folder as the root";

/**
 * STL-10, binary version: `{split}_X.bin` holds 96×96×3 uint8 images, channel-first and COLUMN-major
 * inside a plane; `{split}_y.bin` one label an image, 1 to 10.
 */
export async function openStl10({ root, split, size }: DatasetLocation): Promise<Dataset> {
  const [x, y] = [`${split}_X.bin`, `${split}_y.bin`];
  const data = await readDataFile(root, x, HINT);
  const stored = await readDataFile(root, y, HINT);
  const classNames = textLines(await readDataFile(root, 'class_names.txt', HINT));
  const count = stored.length;
  if (count === 0 || data.length !== count * 3 * PLANE) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, x)} has ${data.length} bytes, but ${y} has ${count} labels, which need ${count * 3 * PLANE}`,
    );
  }
  const wrong = stored.findIndex((label) => label < 1 || label > classNames.length);
  if (wrong >= 0) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, y)}: label ${stored[wrong]} of image ${wrong}, expected 1 to ${classNames.length}`,
    );
  }
  const resize = resizer(SIDE, SIDE, size);
  return {
    count,
    classNames,
    labels: Uint16Array.from(stored, (label) => label - 1),
    height: resize.side,
    width: resize.side,
    fingerprint: sha256('stl-10', split, data, stored, classNames.join('\n')),
    standIn: await standInOf(root),
    images: async (rows) => Array.from(rows, (i) => resize.apply(rowMajor(data, i * 3 * PLANE))),
  };
}

function rowMajor(data: Buffer, from: number): Uint8Array {
  const out = new Uint8Array(3 * PLANE);
  for (let row = 0, at = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const inPlane = from + column * SIDE + row;
      out[at++] = data[inPlane] as number;
      out[at++] = data[inPlane + PLANE] as number;
      out[at++] = data[inPlane + 2 * PLANE] as number;
    }
  }
  return out;
}
