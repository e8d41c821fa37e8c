import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation } from './dataset.js';
import { readDataFile, sha256, standInOf, textLines } from './files.js';
import { resizer } from './resize.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 2 + 3 * PLANE;
const HINT = "get it with 'mcld data fetch cifar-100', or name its folder as the recipe's root";

/**
 * CIFAR-100, binary version: records of 1 byte coarse label, 1 byte fine label and 3,072 bytes of
 * pixels, planes of red, green and blue, row-major. All of it is held in memory, as NHWC.
 */
export async function openCifar100({ root, split, size }: DatasetLocation): Promise<Dataset> {
  const name = `${split}.bin`;
  const data = await readDataFile(root, name, HINT);
  const classNames = textLines(await readDataFile(root, 'fine_label_names.txt', HINT));
  const count = data.length / RECORD;
  if (!Number.isInteger(count) || count === 0) {
    throw new DatasetError(
      'damaged',
      `${path.join(root, name)} has ${data.length} bytes, which is no whole number of records of ${RECORD} bytes: it is truncated or padded`,
    );
  }
  const labels = new Uint16Array(count);
  const pixels = new Uint8Array(count * 3 * PLANE);
  for (let i = 0; i < count; i++) {
    const label = data[i * RECORD + 1] as number;
    if (label >= classNames.length) {
      throw new DatasetError(
        'damaged',
        `${path.join(root, name)}: record ${i} has fine label ${label}, expected 0 to ${classNames.length - 1}`,
      );
    }
    labels[i] = label;
    interleave(data, i * RECORD + 2, pixels, i * 3 * PLANE);
  }
  const resize = resizer(SIDE, SIDE, size);
  const row = (i: number) => resize.apply(pixels.subarray(i * 3 * PLANE, (i + 1) * 3 * PLANE));
  return {
    count,
    classNames,
    labels,
    height: resize.side,
    width: resize.side,
    fingerprint: sha256('cifar-100', split, data, classNames.join('\n')),
    standIn: await standInOf(root),
    images: async (rows) => Array.from(rows, row),
  };
}

function interleave(planes: Buffer, from: number, out: Uint8Array, to: number): void {
  for (let p = 0, at = to; p < PLANE; p++) {
    out[at++] = planes[from + p] as number;
    out[at++] = planes[from + PLANE + p] as number;
    out[at++] = planes[from + 2 * PLANE + p] as number;
  }
}
