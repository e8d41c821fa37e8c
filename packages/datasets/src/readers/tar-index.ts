import { type FileHandle, open } from 'node:fs/promises';
import { Header, Pax } from 'tar';
import { DatasetError } from './dataset-error.js';
import { addressOf, nameOf, shownPath } from './file-names.js';
import { fileError, READ_NOW } from './files.js';

/** A regular file in a tar: where its bytes are. */
export interface TarEntry {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface TarIndex {
  readonly files: readonly TarEntry[];
  /** Names of links, pipes and so on, but not of folders. */
  readonly others: readonly string[];
}

const BLOCK = 512;

const PIECE = 1 << 16;
const ZEROS = Buffer.alloc(PIECE);

/** Longest extended header (a long name) that is read. */
const MAX_EXTENDED = 1 << 20;

/** Types of members that say something of the next one, or of all. */
const EXTENDED: ReadonlySet<string> = new Set([
  'ExtendedHeader',
  'GlobalExtendedHeader',
  'NextFileHasLongPath',
  'NextFileHasLongLinkpath',
]);

const FILES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);

/** How compressed files begin that people take for a tar. */
const COMPRESSED: readonly (readonly [string, Buffer])[] = [
  ['gzip', Buffer.of(0x1f, 0x8b)],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.of(0xfd, 0x37, 0x7a, 0x58, 0x5a)],
  ['zstd', Buffer.of(0x28, 0xb5, 0x2f, 0xfd)],
  ['zip', Buffer.from('PK\x03\x04')],
];

/** Opens a shard for an action. @throws DatasetError where it cannot be opened */
export async function withTar<T>(file: string, action: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(addressOf(file), READ_NOW).catch((error: NodeJS.ErrnoException) => {
    throw fileError('cannot open', file, error);
  });
  try {
    return await action(handle);
  } finally {
    await handle.close();
  }
}

/** @param file for messages @throws DatasetError where the file ends before it */
export async function readEntry(handle: FileHandle, { name, offset, size }: TarEntry, file: string): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, offset);
  if (bytesRead === size) return buffer;
  throw new DatasetError('damaged', `${shownPath(file)}: ${shownPath(name)} at byte ${offset} is cut off`);
}

/** What the extended headers before a file say of it. */
interface Extension {
  readonly name?: string | undefined;
  readonly pax?: Pax | undefined;
}

/**
 * The regular files of a tar (ustar, GNU, pax), from its headers alone: the files' bytes are not read.
 * @param file for messages
 * @throws DatasetError naming the byte at which it is not a tar, is cut off, or names what lies outside it
 */
export async function indexTar(handle: FileHandle, file: string): Promise<TarIndex> {
  const about = await handle.stat();
  const wrong = (at: number, what: string) => new DatasetError('damaged', `${shownPath(file)}: ${what} at byte ${at}`);
  if (!about.isFile()) throw wrong(0, 'no file');
  const files: TarEntry[] = [];
  const others: string[] = [];
  const block = Buffer.alloc(BLOCK);
  let extension: Extension = {};
  for (let at = 0; at < about.size; ) {
    const { bytesRead } = await handle.read(block, 0, BLOCK, at);
    if (at === 0) refuseCompressed(block, file);
    if (bytesRead < BLOCK) throw wrong(at, 'a header that is cut off');
    // Two blocks of zeros end a tar, but its readers stop at one; what follows is padding.
    if (block.every((byte) => byte === 0)) {
      await refuseMore(handle, at + BLOCK, file);
      return { files, others };
    }
    const header = headerOf(block, extension.pax);
    if (!header?.cksumValid) throw wrong(at, 'no tar header (its checksum or a number in it is wrong)');
    const size = header.size ?? 0;
    const offset = at + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || offset + size > about.size) {
      throw wrong(at, `a file of ${size} bytes, which is cut off`);
    }
    if (EXTENDED.has(header.type)) {
      if (size > MAX_EXTENDED) throw wrong(at, `an extended header of ${size} bytes`);
      const { buffer } = await handle.read(Buffer.alloc(size), 0, size, offset);
      extension = extended(extension, header.type, buffer);
    } else {
      const name = extension.name ?? nameIn(block);
      if (name.startsWith('/') || name.split('/').includes('..'))
        throw wrong(at, `the name '${shownPath(name)}' leads out of the tar`);
      if (FILES.has(header.type)) files.push({ name, offset, size });
      else if (header.type !== 'Directory') others.push(name);
      extension = {};
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw wrong(about.size, 'no end of the tar: it is cut off');
}

/** Bytes behind a tar's end would be lost without a word. They are looked at in pieces: there may be much padding. */
async function refuseMore(handle: FileHandle, end: number, file: string): Promise<void> {
  const piece = Buffer.alloc(PIECE);
  for (let at = end; ; ) {
    const { bytesRead } = await handle.read(piece, 0, PIECE, at);
    if (bytesRead === 0) return;
    const read = piece.subarray(0, bytesRead);
    if (!read.equals(ZEROS.subarray(0, bytesRead))) {
      const where = at + read.findIndex((byte) => byte !== 0);
      throw new DatasetError(
        'damaged',
        `${shownPath(file)} goes on behind the end of its tar, at byte ${where}. Were tars joined with cat? ` +
          "Join them with 'tar --concatenate', or keep each as a shard of its own",
      );
    }
    at += bytesRead;
  }
}

function refuseCompressed(block: Buffer, file: string): void {
  const [kind] = COMPRESSED.find(([, magic]) => block.subarray(0, magic.length).equals(magic)) ?? [];
  if (kind)
    throw new DatasetError('damaged', `${shownPath(file)} is compressed with ${kind}; unpack it to a plain .tar`);
}

function extended({ name, pax }: Extension, type: string, body: Buffer): Extension {
  if (type === 'ExtendedHeader') return { name: paxPath(body) ?? name, pax: Pax.parse(body.toString(), pax) };
  return { name: type === 'NextFileHasLongPath' ? textOf(body) : name, pax };
}

/** The path in a pax header, from its bytes: it may be no UTF-8. A record is '<length> <key>=<value>\n'. */
function paxPath(body: Buffer): string | undefined {
  let name: string | undefined;
  for (let at = 0; at < body.length; ) {
    const length = Number.parseInt(body.toString('latin1', at, at + 10), 10);
    if (!(length > 0)) return name;
    const record = body.subarray(at, at + length);
    const begin = record.indexOf(' path=');
    if (begin === String(length).length) name = textOf(record.subarray(begin + ' path='.length, -1));
    at += length;
  }
  return name;
}

/** The name in a header: the prefix of ustar, and the rest. */
function nameIn(block: Buffer): string {
  const name = textOf(block.subarray(0, 100));
  if (block.toString('latin1', 257, 265) !== 'ustar\x0000') return name;
  const prefix = textOf(block.subarray(345, 500));
  return prefix ? `${prefix}/${name}` : name;
}

/** Up to the first zero. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return nameOf(end < 0 ? bytes : bytes.subarray(0, end));
}

/** undefined where a number in it cannot be one. */
function headerOf(block: Buffer, pax: Pax | undefined): Header | undefined {
  try {
    return new Header(block, 0, pax);
  } catch {
    return undefined;
  }
}
