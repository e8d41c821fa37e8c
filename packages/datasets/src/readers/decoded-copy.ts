import { stat } from 'node:fs/promises';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { mapFile } from '@mcld/native/mapped-file.js';
import { drawFramed, type Framing } from '../views/framing.js';
import { RawPicture } from '../views/picture.js';
import type { Dataset, ImageSize } from './dataset.js';

/** Images decoded between two writes. */
const AT_ONCE = 64;

/**
 * A data set's images framed and decoded, uint8, in a file that is mapped: for one that is read a hundred times and
 * whose views are cut out of framed images. It is made at the first opening (whole or not at all) and holds the same
 * pixels.
 * @param file its name tells data set and framing
 * @throws DatasetError for an image that is damaged, NodeJS.ErrnoException where the disk is full
 */
export async function decodedCopy(data: Dataset, framing: Framing, size: ImageSize, file: string): Promise<Dataset> {
  const { height, width } = size;
  const bytes = height * width * 3;
  const about = await stat(file).catch(() => undefined);
  // Of another length it is not ours, or was cut off by somebody: it is made again.
  if (about?.size !== data.count * bytes) await writeWhole(file, decodedRows(data, framing, bytes));
  const raw = new Uint8Array(mapFile(file));
  return {
    ...data,
    imageSize: size,
    raw,
    encoded: false,
    picture: (row) => new RawPicture(raw.subarray(row * bytes, (row + 1) * bytes), height, width),
  };
}

async function* decodedRows(data: Dataset, framing: Framing, bytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < data.count; from += AT_ONCE) {
    const rows = Math.min(AT_ONCE, data.count - from);
    const out = new Uint8Array(rows * bytes);
    const drawn = Array.from({ length: rows }, async (_, i) =>
      drawFramed(await data.picture(from + i), framing, out, i * bytes),
    );
    await Promise.all(drawn);
    yield out;
  }
}
