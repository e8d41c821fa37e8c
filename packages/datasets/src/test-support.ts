import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dataset, DatasetLocation } from './dataset.js';
import { FingerprintMemory } from './fingerprint.js';

/** For the tests of this package. */

export const samples = fileURLToPath(new URL('../../../samples', import.meta.url));

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

/** An image's pixels as they are, uint8 [height, width, 3]. */
export async function pixelsOf(data: Dataset, row: number): Promise<Uint8Array> {
  const picture = await data.picture(row);
  const { width, height } = picture;
  const out = new Uint8Array(width * height * 3);
  await picture.draw({ box: { x: 0, y: 0, width, height }, height, width, mirrored: false, out, at: 0 });
  return out;
}
