import path from 'node:path';
import { readable, shownPath } from './file-names.js';
import { isPlaceholder } from './junk-names.js';

/** The unused files of a data set that are of one kind. */
export interface PassedOver {
  /** In the plural, for people: 'files ending in .heic'. */
  readonly kind: string;
  readonly count: number;
  /** The first of them, relative to the root, as valid text. */
  readonly names: readonly string[];
}

/** The unused files of a data set's splits, by split. */
export type PassedOverOfSplits = Readonly<Record<string, readonly PassedOver[]>>;

/** Names kept of a kind. */
const NAMED = 10;

/** Most kinds that come from users' file names. */
const MAX_OPEN = 20;

const LONGEST_ENDING = 16;

export const DAMAGED = 'damaged images';
export const WITHOUT_IMAGES = 'classes without images';
export const DANGLING = 'links that lead nowhere';
const HIDDEN = 'hidden images';
const ELSEWHERE = 'files that iCloud has not downloaded';

interface Counted {
  count: number;
  readonly names: string[];
  /** Whether the kind names an ending, of which there may be any number. */
  readonly open: boolean;
}

/** Counts what is passed over while files are listed. */
export class Tally {
  readonly #kinds = new Map<string, Counted>();
  #open = 0;

  add(kind: string, name: string): void {
    this.#add(kind, { count: 1, names: [shownPath(name)], open: false });
  }

  /** Of a kind that comes from users' file names: the number of such kinds is bounded. */
  addOpen(kind: string, name: string): void {
    this.#add(kind, { count: 1, names: [shownPath(name)], open: true });
  }

  /** A file that is not read, by its name. @param shownAs what to show instead of its path */
  addFile(place: string, shownAs = place): void {
    const name = path.posix.basename(place);
    if (isPlaceholder(name)) this.add(ELSEWHERE, shownAs);
    else if (name.startsWith('.')) this.add(HIDDEN, shownAs);
    else this.addOpen(endingKind(name), shownAs);
  }

  addAll(others: Tally): void {
    for (const [kind, counted] of others.#kinds) this.#add(kind, counted);
  }

  #add(ownKind: string, { count, names, open }: Counted): void {
    const isOther = open && !this.#kinds.has(ownKind) && this.#open >= MAX_OPEN;
    const kind = isOther ? 'files of other kinds' : ownKind;
    let entry = this.#kinds.get(kind);
    if (!entry) {
      entry = { count: 0, names: [], open: open && !isOther };
      this.#kinds.set(kind, entry);
      if (entry.open) this.#open++;
    }
    entry.count += count;
    entry.names.push(...names.slice(0, NAMED - entry.names.length));
  }

  /** The most first. */
  list(): PassedOver[] {
    const kinds = Array.from(this.#kinds, ([kind, { count, names }]) => ({ kind, count, names }));
    return kinds.sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
  }
}

/** How a name ends, in lower case and bounded: `.heic`; empty without an ending. */
export function endingOf(name: string): string {
  const ending = path.extname(name).toLowerCase();
  if (ending.length < 2) return '';
  return ending.length > LONGEST_ENDING ? '.…' : readable(ending);
}

/** The kind of a file whose name does not end like an image's. */
function endingKind(name: string): string {
  const ending = endingOf(name);
  return ending ? `files ending in ${ending}` : 'files without an ending';
}

/** For people: `files ending in .heic: 12 (a.heic, b.heic, c.heic, …); damaged images: 1 (d.jpg)`. */
export function passedOverText(all: readonly PassedOver[]): string {
  return all
    .map(({ kind, count, names }) => {
      const first = names.slice(0, 3);
      return `${kind}: ${count} (${[...first, ...(count > first.length ? ['…'] : [])].join(', ')})`;
    })
    .join('; ');
}

/** A line for each split of which anything is not used. */
export function unusedLines(splits: PassedOverOfSplits): string[] {
  return Object.entries(splits)
    .filter(([, all]) => all.length > 0)
    .map(([split, all]) => `files of the ${split} split that are not used: ${passedOverText(all)}`);
}
