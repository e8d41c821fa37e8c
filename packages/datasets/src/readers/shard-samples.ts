import type { FileHandle } from 'node:fs/promises';
import { DatasetError } from './dataset-error.js';
import { readable, shownPath } from './file-names.js';
import { isImageName } from './image-names.js';
import { isJunk } from './junk-names.js';
import { endingOf, Tally } from './passed-over.js';
import { indexTar, readEntry, type TarEntry } from './tar-index.js';

/** Bytes of a `.cls` that are read. */
const MAX_TEXT = 1 << 10;

/** Labels are stored in two bytes. */
const MAX_LABEL = (1 << 16) - 1;

/** Members that an error lists. */
const NAMED = 6;

/** An image of a shard, with its class: 0 where there are no labels. */
export interface Sample {
  readonly shard: string;
  readonly image: TarEntry;
  readonly label: number;
}

/** Members of one stem, by what follows its first dot, in lower case. */
type Members = Map<string, TarEntry>;

/**
 * The samples of a shard. A member's name is its stem, up to the first dot after the last slash, and an extension;
 * members of one stem are a sample, wherever in the shard they are. Stems count within their shard alone.
 * @param where the shard, for messages
 * @throws DatasetError for a duplicate member, a sample of several images, and an invalid label
 */
export async function samplesOf(
  handle: FileHandle,
  { shard, where, labelled }: { shard: string; where: string; labelled: boolean },
): Promise<{ samples: Sample[]; passedOver: Tally }> {
  const { files, others } = await indexTar(handle, where);
  const passedOver = new Tally();
  const inShard = (name: string) => `${shard}: ${name}`;
  for (const name of others) {
    if (!partsOf(name).some(isJunk)) passedOver.add('members of shards that are not files', inShard(name));
  }
  const { stems, loose } = stemsOf(files, where);
  for (const name of loose) passedOver.addFile(name, inShard(name));
  const samples: Sample[] = [];
  for (const [stem, members] of stems) {
    const image = imageOf(stem, members, where);
    if (!image) passedOver.addOpen(`samples without an image (${endingsOf(members)})`, inShard(stem));
    else samples.push({ shard, image, label: labelled ? await labelOf(handle, stem, members, where) : 0 });
  }
  return { samples, passedOver };
}

const partsOf = (name: string): string[] => name.split('/').filter((part) => part !== '' && part !== '.');

/**
 * Members by their stems, and the names of those that have none: hidden ones, and those without a dot. Junk is left
 * out.
 */
function stemsOf(files: readonly TarEntry[], where: string): { stems: Map<string, Members>; loose: string[] } {
  const stems = new Map<string, Members>();
  const loose: string[] = [];
  for (const file of files) {
    const parts = partsOf(file.name);
    const base = parts.pop() ?? '';
    const dot = base.indexOf('.');
    if (isJunk(base) || parts.some(isJunk)) continue;
    if (dot < 1) {
      loose.push(file.name);
      continue;
    }
    const stem = [...parts, base.slice(0, dot)].join('/');
    const extension = base.slice(dot + 1).toLowerCase();
    const members: Members = stems.get(stem) ?? new Map();
    const twin = members.get(extension);
    if (twin) throw twice(where, twin, file);
    stems.set(stem, members.set(extension, file));
  }
  return { stems, loose };
}

function twice(where: string, first: TarEntry, second: TarEntry): DatasetError {
  const names = [...new Set([first, second].map(({ name }) => shownPath(name)))].join(' and ');
  const at = `bytes ${first.offset} and ${second.offset}`;
  return new DatasetError(
    'damaged',
    `${shownPath(where)} holds ${names} twice (at ${at}); ` +
      'each sample of a shard needs a name of its own, up to its first dot',
  );
}

/**
 * A sample's image: of a plain ending (`.jpg`), or else the only one of a longer (`.rgb.jpg`). undefined where there is
 * none.
 * @throws DatasetError where it is not clear which
 */
function imageOf(stem: string, members: Members, where: string): TarEntry | undefined {
  const images = Array.from(members.keys()).filter((extension) => isImageName(`.${extension}`));
  const plain = images.filter((extension) => !extension.includes('.'));
  const [chosen = '', ...more] = plain.length > 0 ? plain : images;
  if (more.length === 0) return members.get(chosen);
  throw new DatasetError(
    'damaged',
    `${shownPath(where)}: the sample ${shownPath(stem)} has ${more.length + 1} images, expected one: ${listOf(members)} ` +
      "(a sample's name ends at the first dot)",
  );
}

async function labelOf(handle: FileHandle, stem: string, members: Members, where: string): Promise<number> {
  const cls = members.get('cls');
  const refuse = (what: string) =>
    new DatasetError('damaged', `${shownPath(where)}: ${what}, expected the number of a class, 0 to ${MAX_LABEL}`);
  if (!cls) throw refuse(`the sample ${shownPath(stem)} has no .cls; it has ${listOf(members)}`);
  const text = (await readEntry(handle, { ...cls, size: Math.min(cls.size, MAX_TEXT) }, where)).toString().trim();
  const label = Number(text);
  if (/^\d+$/.test(text) && label <= MAX_LABEL) return label;
  throw refuse(
    text === '' ? `${shownPath(cls.name)} is empty` : `${shownPath(cls.name)} is '${readable(text.slice(0, 40))}'`,
  );
}

function listOf(members: Members): string {
  const names = Array.from(members.values(), ({ name }) => shownPath(name));
  return names.length > NAMED ? `${names.slice(0, NAMED).join(', ')}, …` : names.join(', ');
}

const endingsOf = (members: Members): string =>
  [...new Set(Array.from(members.keys(), (extension) => endingOf(`x.${extension}`)))].sort().slice(0, NAMED).join(', ');
