import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dataset, DatasetLocation } from './dataset.js';
import { FingerprintMemory } from './fingerprint.js';

/** For the tests of this package. */

export const samples = fileURLToPath(new URL('../../../../samples', import.meta.url));

export const scratch = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'mcld-data-'));

export const at = (
  root: string,
  split: DatasetLocation['split'],
  more: Partial<DatasetLocation> = {},
): DatasetLocation => ({
  root,
  split,
  skipDamaged: false,
  memory: new FingerprintMemory(undefined),
  ...more,
});

/** What a person reads where opening fails, the root apart. */
export const messageOf = (opening: Promise<unknown>, root: string): Promise<string> =>
  opening.then(
    () => 'no error',
    (error: Error) => error.message.replaceAll(root, 'ROOT'),
  );

/** An image's pixels as they are, uint8 [height, width, 3]. */
export async function pixelsOf(data: Dataset, row: number): Promise<Uint8Array> {
  const picture = await data.picture(row);
  const { width, height } = picture;
  const out = new Uint8Array(width * height * 3);
  await picture.draw({ box: { x: 0, y: 0, width, height }, height, width, mirrored: false, out, at: 0 });
  return out;
}

/** A small photograph, 64×64. */
export const photo = path.join(samples, 'tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG');

/**
 * A folder with files at these places: photographs where a name ends as one's, text elsewhere; with a `/` at the end,
 * folders.
 */
export async function treeOf(...places: readonly string[]): Promise<string> {
  const root = await scratch();
  for (const place of places) await put(root, place);
  return root;
}

export async function put(root: string, place: string): Promise<void> {
  const file = path.join(root, place);
  await mkdir(place.endsWith('/') ? file : path.dirname(file), { recursive: true });
  if (/\.jpe?g$/i.test(place)) await cp(photo, file);
  else if (!place.endsWith('/')) await writeFile(file, 'no image');
}
