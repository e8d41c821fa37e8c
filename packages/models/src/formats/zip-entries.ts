import { messageOf, shown } from '@mcld/errors/text.js';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { TorchCheckpointError } from './torch-checkpoint-error.js';

/** What a zip archive holds, by name; each as a view of the archive when it is asked for. */
export type ZipEntries = ReadonlyMap<string, () => Promise<Uint8Array>>;

/** @throws TorchCheckpointError */
export async function zipEntries(file: Uint8Array): Promise<ZipEntries> {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  try {
    const zip = await new Promise<ZipFile>((resolve, reject) => {
      yauzl.fromBuffer(buffer, { lazyEntries: true, autoClose: false }, (error, found) =>
        error ? reject(error) : resolve(found),
      );
    });
    const entries = new Map<string, () => Promise<Uint8Array>>();
    for await (const entry of entriesOf(zip)) entries.set(entry.fileName, () => viewOf(zip, entry, file));
    return entries;
  } catch (error) {
    throw new TorchCheckpointError(`no valid zip archive, or one that is cut off: ${messageOf(error)}`);
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      zip.removeAllListeners();
      zip.once('entry', resolve);
      zip.once('end', () => resolve(undefined));
      zip.once('error', reject);
      zip.readEntry();
    });
    if (!entry) return;
    yield entry;
  }
}

/** torch.save stores entries uncompressed; a compressed one could unfold to any size, and is refused. */
function viewOf(zip: ZipFile, entry: Entry, file: Uint8Array): Promise<Uint8Array> {
  const { fileName, compressionMethod, uncompressedSize } = entry;
  if (compressionMethod !== 0) {
    throw new TorchCheckpointError(`${shown(fileName)} is compressed, which torch.save never does: refused`);
  }
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry, { minimal: true }, (error, header) => {
      if (error) return reject(new TorchCheckpointError(`${shown(fileName)}: ${error.message}`));
      const from = header.fileDataStart;
      if (from + uncompressedSize > file.byteLength) {
        return reject(new TorchCheckpointError(`${shown(fileName)} reaches past the file's end`));
      }
      resolve(file.subarray(from, from + uncompressedSize));
    });
  });
}
