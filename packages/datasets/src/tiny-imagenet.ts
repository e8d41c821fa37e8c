import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { type Dataset, DatasetError, type DatasetLocation } from './dataset.js';
import { readDataFile, sha256, standInOf, textLines } from './files.js';
import { resizer } from './resize.js';

const SIDE = 64;
const HINT = "get it with 'mcld data fetch tiny-imagenet', or name its folder as the root";

interface Labelled {
  /** Relative to the root. */
  readonly file: string;
  readonly label: number;
}

/**
 * Tiny-ImageNet in its official tree; `test` is its `val`, whose labels are public. The classes are
 * the lines of wnids.txt, in their order. JPEGs (a few are grey) are decoded when asked for.
 */
export async function openTinyImagenet({ root, split, size }: DatasetLocation): Promise<Dataset> {
  const wnids = textLines(await readDataFile(root, 'wnids.txt', HINT));
  const words = new Map(
    textLines(await readDataFile(root, 'words.txt', HINT)).map((line) => line.split('\t') as [string, string]),
  );
  const listed = split === 'train' ? await listTrain(root, wnids) : await listVal(root, wnids);
  const resize = resizer(SIDE, SIDE, size);
  return {
    count: listed.length,
    classNames: wnids.map((wnid) => (words.get(wnid) ?? wnid).split(',')[0] as string),
    labels: Uint16Array.from(listed, ({ label }) => label),
    height: resize.side,
    width: resize.side,
    fingerprint: await fingerprint(root, split, wnids, listed),
    standIn: await standInOf(root),
    images: (rows) =>
      Promise.all(
        Array.from(rows, async (i) => resize.apply(await decode(path.join(root, (listed[i] as Labelled).file)))),
      ),
  };
}

async function listTrain(root: string, wnids: readonly string[]): Promise<Labelled[]> {
  const perClass = wnids.map(async (wnid, label) => {
    const folder = path.join('train', wnid, 'images');
    const names = await readdir(path.join(root, folder)).catch(() => {
      throw new DatasetError('missing', `no folder ${path.join(root, folder)}; ${HINT}`);
    });
    return names
      .filter((name) => name.endsWith('.JPEG'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((name) => ({ file: path.join(folder, name), label }));
  });
  return (await Promise.all(perClass)).flat();
}

async function listVal(root: string, wnids: readonly string[]): Promise<Labelled[]> {
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

async function fingerprint(
  root: string,
  split: string,
  wnids: readonly string[],
  listed: readonly Labelled[],
): Promise<string> {
  const parts = [sha256('tiny-imagenet', split, wnids.join('\n'))];
  for (const { file, label } of listed) {
    parts.push(sha256(file, String(label), await readDataFile(root, file, HINT)));
  }
  return sha256(...parts);
}

/** uint8 [64, 64, 3]. */
async function decode(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new DatasetError('missing', `cannot read ${file}: ${error.message}`);
  });
  try {
    const image = sharp(bytes, { failOn: 'truncated', limitInputPixels: 1 << 24 });
    const { data, info } = await image.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
    if (info.width !== SIDE || info.height !== SIDE || info.channels !== 3) {
      throw new Error(`it is ${info.width}×${info.height}×${info.channels}, expected ${SIDE}×${SIDE}×3`);
    }
    return data;
  } catch (error) {
    throw new DatasetError('damaged', `${file} is no JPEG that can be decoded: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
