import type { Dirent } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@mcld/errors/code.js';
import { DatasetError } from './dataset-error.js';
import { addressOf, byCodePoints, nameOf, readable, shownPath } from './file-names.js';
import { fileError, reasonOf } from './files.js';
import { isImageName } from './image-names.js';
import { isJunk, isPlaceholder } from './junk-names.js';
import { DANGLING, type Tally } from './passed-over.js';

/** Deepest tree of folders that is walked under a class. */
const MAX_DEPTH = 32;

/** How the system says that a link leads nowhere, or in a circle. */
const NOWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

type Kind = 'folder' | 'file' | 'other';

/** Something directly in the root, links not followed. */
export interface RootEntry {
  readonly name: string;
  readonly kind: Kind | 'link';
}

/** Something in a folder, links followed. */
interface Entry {
  readonly name: string;
  /** Relative to the root. */
  readonly place: string;
  readonly kind: Kind;
  /** Where it really lies. */
  readonly real: string;
}

/**
 * The folders under a data set's root. Names are those of file-names.ts, places are relative to the root. Junk is
 * passed over in silence, everything else that is not used is counted. Symbolic links are followed inside the root.
 */
export class ImageTree {
  /** What of the root links lead into. */
  readonly #linked = new Set<string>();

  private constructor(
    readonly root: string,
    private readonly real: string,
    private readonly skipDamaged: boolean,
  ) {}

  /** @throws DatasetError */
  static async open({ root, skipDamaged }: { root: string; skipDamaged: boolean }): Promise<ImageTree> {
    const real = await realpath(root, 'buffer').catch((error: NodeJS.ErrnoException) => {
      throw fileError('cannot find the folder', root, error);
    });
    return new ImageTree(root, nameOf(real), skipDamaged);
  }

  /** What lies directly in the root, junk apart, by name. */
  async atRoot(): Promise<RootEntry[]> {
    const entries = (await entriesOf(this.root)).filter(({ name }) => !isJunk(name));
    return entries.sort((a, b) => byCodePoints(a.name, b.name));
  }

  /** Whether a link that was followed leads into this folder of the root. */
  isLinkedTo(name: string): boolean {
    return this.#linked.has(name);
  }

  /**
   * Names of the folders in a folder, as Python's `sorted` has them. A link that leads nowhere may be meant for one: it
   * is refused, also with skipDamaged.
   */
  async folders(place: string, passedOver: Tally): Promise<string[]> {
    const names: string[] = [];
    const real = await this.#enter(place);
    for (const entry of await this.#entries({ place, real }, passedOver, isImageName)) {
      if (entry.kind === 'folder') names.push(entry.name);
      else if (isPlaceholder(entry.name)) passedOver.addFile(entry.place);
      else passedOver.add('files beside the class folders', entry.place);
    }
    return names;
  }

  /**
   * Image files under a folder at any depth, in torchvision's order: folder after folder, each by code points. Each
   * folder is read once.
   */
  async images(place: string, passedOver: Tally): Promise<string[]> {
    const folders: { readonly place: string; readonly files: readonly string[] }[] = [];
    const seen = new Set<string>();
    const walk = async (folder: Pick<Entry, 'place' | 'real'>, depth: number): Promise<void> => {
      if (seen.has(folder.real)) return passedOver.add('folders that were read already by another name', folder.place);
      if (depth > MAX_DEPTH) return passedOver.add(`folders more than ${MAX_DEPTH} deep`, folder.place);
      seen.add(folder.real);
      const files: string[] = [];
      for (const entry of await this.#entries(folder, passedOver, () => true)) {
        if (entry.kind !== 'folder') {
          if (isUsed(entry, passedOver)) files.push(entry.place);
        } else if (isInside(entry.real, folder.real)) {
          passedOver.add('links to a folder that they lie in', entry.place);
        } else await walk(entry, depth + 1);
      }
      folders.push({ place: folder.place, files });
    };
    await walk({ place, real: await this.#enter(place) }, 0);
    return folders.sort((a, b) => byCodePoints(a.place, b.place)).flatMap(({ files }) => files);
  }

  /** @param mayDangle of which names a link that leads nowhere is passed over with skipDamaged */
  async #entries(
    folder: Pick<Entry, 'place' | 'real'>,
    passedOver: Tally,
    mayDangle: (name: string) => boolean,
  ): Promise<Entry[]> {
    const files: Entry[] = [];
    // In order, so that the first names reported are the same everywhere.
    const entries = (await entriesOf(path.join(this.root, folder.place))).sort((a, b) => byCodePoints(a.name, b.name));
    for (const { name, kind } of entries) {
      if (isJunk(name)) continue;
      const place = path.join(folder.place, name);
      const entry = kind === 'link' ? await this.#follow(place) : { kind, real: path.join(folder.real, name) };
      if (entry instanceof DatasetError) {
        if (!this.skipDamaged || !mayDangle(name)) throw entry;
        passedOver.add(DANGLING, place);
      } else if (entry.kind !== 'folder' || !name.startsWith('.')) files.push({ name, place, ...entry });
    }
    return files;
  }

  /** Where a folder of the root really lies. Its links are looked at one by one, so that the one at fault is named. */
  async #enter(place: string): Promise<string> {
    let [at, real] = ['', this.real];
    for (const part of place.split(path.sep)) {
      if (part === '..') throw new DatasetError('damaged', `${shownPath(place)} lies outside ${readable(this.root)}`);
      at = path.join(at, part);
      const full = path.join(this.root, at);
      const about = await lstat(addressOf(full)).catch((error: NodeJS.ErrnoException) => {
        throw fileError('cannot find the folder', full, error);
      });
      const target = about.isSymbolicLink() ? await this.#follow(at) : { real: path.join(real, part) };
      if (target instanceof DatasetError) throw target;
      real = target.real;
    }
    return real;
  }

  /**
   * What a symbolic link leads to.
   * @returns the error of one that leads nowhere @throws DatasetError for one that leads out of the root
   */
  async #follow(place: string): Promise<{ kind: Kind; real: string } | DatasetError> {
    const link = path.join(this.root, place);
    const what = `${shownPath(link)} is a symbolic link`;
    try {
      const real = nameOf(await realpath(addressOf(link), 'buffer'));
      if (!isInside(this.real, real)) {
        const where = `out of the data set's root ${readable(this.root)}: it leads to ${shownPath(real)}`;
        throw new DatasetError('damaged', `${what} ${where}`);
      }
      this.#linked.add(path.relative(this.real, real).split(path.sep)[0] ?? '');
      const about = await stat(addressOf(real));
      return { kind: about.isDirectory() ? 'folder' : about.isFile() ? 'file' : 'other', real };
    } catch (error) {
      if (error instanceof DatasetError) throw error;
      const target = await readlink(addressOf(link), 'buffer').then(nameOf, () => '?');
      const where = `to ${shownPath(target)}: ${reasonOf(error)}`;
      const failure = new DatasetError('damaged', `${what} ${where}`, { cause: error });
      if (NOWHERE.has(codeOf(error) ?? '')) return failure;
      throw failure;
    }
  }
}

/** Whether a file is an image to be used; if not, it is counted. */
function isUsed({ name, place, kind }: Entry, passedOver: Tally): boolean {
  if (kind === 'other') passedOver.add('pipes, sockets and devices', place);
  else if (!isImageName(name) || name.startsWith('.')) passedOver.addFile(place);
  else return true;
  return false;
}

const isInside = (folder: string, place: string): boolean =>
  place === folder || place.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);

async function entriesOf(folder: string): Promise<RootEntry[]> {
  try {
    const entries = await readdir(addressOf(folder), { withFileTypes: true });
    if (!entries.some(({ name }) => name.includes('\ufffd'))) {
      return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    }
    // A name that is not UTF-8 would not be found again by what Node makes of it.
    const raw = await readdir(addressOf(folder), { withFileTypes: true, encoding: 'buffer' });
    return raw.map((entry) => ({ name: nameOf(entry.name), kind: kindOf(entry) }));
  } catch (error) {
    throw fileError('cannot list', folder, error);
  }
}

function kindOf(entry: Dirent<string> | Dirent<Buffer>): Kind | 'link' {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
