import { type FileHandle, open } from 'node:fs/promises';
import { Header, Pax } from 'tar';
import { DatasetError } from './dataset.js';

/** A regular file in a tar: where its bytes are. */
export interface TarEntry {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;

/** Longest extended header (a long name) that is read. */
const MAX_EXTENDED = 1 << 20;

/**
 * The regular files of a tar (ustar, GNU, pax), from its headers alone: the files' bytes are not read.
 * @throws DatasetError naming the byte at which it is no tar, is cut off, or names what lies outside it
 */
export async function indexTar(file: string): Promise<TarEntry[]> {
  const handle = await open(file, 'r').catch((error: Error) => {
    throw new DatasetError('missing', `cannot open ${file}: ${error.message}`);
  });
  try {
    return await entriesOf(handle, file);
  } finally {
    await handle.close();
  }
}

async function entriesOf(handle: FileHandle, file: string): Promise<TarEntry[]> {
  const about = await handle.stat();
  const wrong = (at: number, what: string) => new DatasetError('damaged', `${file}: ${what} at byte ${at}`);
  if (!about.isFile()) throw wrong(0, 'no file');
  const entries: TarEntry[] = [];
  const block = Buffer.alloc(BLOCK);
  let longName: string | undefined;
  let extended: Pax | undefined;
  for (let at = 0; at < about.size; ) {
    const { bytesRead } = await handle.read(block, 0, BLOCK, at);
    if (bytesRead < BLOCK) throw wrong(at, 'a header that is cut off');
    // Two blocks of zeros end a tar; what follows is padding.
    if (block.every((byte) => byte === 0)) return entries;
    const header = headerOf(block, extended);
    if (!header?.cksumValid) throw wrong(at, 'no tar header (its checksum or a number in it is wrong)');
    const size = header.size ?? 0;
    const body = at + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || body + size > about.size) {
      throw wrong(at, `a file of ${size} bytes, which is cut off`);
    }
    const name = longName ?? header.path ?? '';
    const { type } = header;
    if (type === 'ExtendedHeader' || type === 'NextFileHasLongPath') {
      if (size > MAX_EXTENDED) throw wrong(at, `an extended header of ${size} bytes`);
      const { buffer } = await handle.read(Buffer.alloc(size), 0, size, body);
      const text = buffer.toString('utf8');
      if (type === 'ExtendedHeader') extended = Pax.parse(text, extended);
      else longName = text.replace(/\0.*$/s, '');
    } else if (type !== 'GlobalExtendedHeader') {
      if (name.startsWith('/') || name.split('/').includes('..'))
        throw wrong(at, `the name '${name}' leads out of the tar`);
      if (type === 'File' || type === 'OldFile') entries.push({ name, offset: body, size });
      longName = undefined;
      extended = undefined;
    }
    at = body + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw wrong(about.size, 'no end of the tar: it is cut off');
}

/** undefined where a number in it cannot be one. */
function headerOf(block: Buffer, extended: Pax | undefined): Header | undefined {
  try {
    return new Header(block, 0, extended);
  } catch {
    return undefined;
  }
}
