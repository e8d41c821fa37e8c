import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { x as extractTar } from 'tar';
import yauzl from 'yauzl';

/** Unpacks a .tar.gz; entries that would leave the folder are refused by the library. */
export async function unpackTarGz(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await extractTar({ file: archive, cwd: folder, strict: true, preservePaths: false });
}

/** Unpacks a .zip; yauzl refuses names that would leave the folder. */
export async function unpackZip(archive: string, folder: string): Promise<void> {
  const zip = await yauzl.openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    const target = path.join(folder, entry.fileName);
    if (entry.fileName.endsWith('/')) {
      await mkdir(target, { recursive: true });
      continue;
    }
    await mkdir(path.dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
  }
}
