import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPicture } from '@mcld/datasets/views/picture.js';
import { Differences } from './differences.js';

interface Entry {
  readonly file: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Photographs stored in every format and way, each with profiles, orientations, inks and depths where the format has
 * them: what is decoded here against Pillow's `exif_transpose(Image.open(file)).convert('RGB')`, by ending.
 */
export async function compareFormats(photographs: readonly string[]): Promise<ReadonlyMap<string, Differences>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcld-formats-'));
  try {
    const script = fileURLToPath(new URL('../../python/formats.py', import.meta.url));
    execFileSync(process.env.MCLD_PYTHON ?? 'python3', [script, folder, ...photographs], { stdio: 'inherit' });
    const found = new Map<string, Differences>();
    const index = JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8')) as readonly Entry[];
    for (const { file, width, height } of index) {
      const ending = path.extname(file).slice(1);
      const differences = found.get(ending) ?? new Differences();
      found.set(ending, differences);
      const ours = await decoded(path.join(folder, file), width, height);
      differences.add(ours, readFileSync(path.join(folder, `${file}.rgb`)), file);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function decoded(file: string, width: number, height: number): Promise<Uint8Array> {
  const picture = await openPicture(readFileSync(file), file);
  if (picture.width !== width || picture.height !== height) {
    throw new Error(`${file} is ${picture.width}×${picture.height} here, ${width}×${height} in Pillow`);
  }
  const out = new Uint8Array(width * height * 3);
  await picture.draw({ box: { x: 0, y: 0, width, height }, width, height, mirrored: false, out, at: 0 });
  return out;
}
