import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Dataset, DatasetError, type DatasetLocation, type ImageSize } from './dataset.js';
import { openEncoded } from './encoded-images.js';

/** An image file with its class. */
export interface LabelledFile {
  /** Relative to the root. */
  readonly file: string;
  readonly label: number;
}

/** A data set of one file an image. */
export function openImageFiles(
  location: DatasetLocation,
  about: { kind: string; files: readonly LabelledFile[]; classNames: readonly string[]; imageSize?: ImageSize },
): Promise<Dataset> {
  const { files, ...rest } = about;
  const { root } = location;
  return openEncoded<LabelledFile>(location, {
    ...rest,
    items: files,
    labelled: true,
    files: files.map(({ file }) => file),
    nameOf: ({ file }) => file,
    read: ({ file }) => readImage(path.join(root, file)),
  });
}

async function readImage(name: string): Promise<Buffer> {
  try {
    return await readFile(name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'missing' : 'damaged';
    throw new DatasetError(reason, `cannot read ${name}: ${message}`, { cause: error });
  }
}
