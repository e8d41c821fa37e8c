import { isImageName } from './image-names.js';

/** What operating systems, file servers and tools leave behind; docs/own-images.md has this list for people. */
const JUNK: ReadonlySet<string> = new Set([
  '__macosx',
  'thumbs.db',
  'ehthumbs.db',
  'ehthumbs_vista.db',
  'desktop.ini',
  'picasa.ini',
  'icon\r',
  '@eadir',
  '@recycle',
  '@recently-snapshot',
  '@__thumb',
  '#recycle',
  '#snapshot',
  '$recycle.bin',
  'system volume information',
  'network trash folder',
  'temporary items',
  'lost+found',
  '__pycache__',
]);

/** Extended headers of tars that an old tar unpacked as files, and what Windows and Dropbox note beside a file. */
const JUNK_PATTERN = /^paxheaders?(\.\d+)?$|:zone\.identifier$|:com\.dropbox\.attr/i;

/** Whether iCloud has put this in the place of a file that it holds elsewhere: `.cat.jpg.icloud`. */
export const isPlaceholder = (name: string): boolean => /^\..*\.icloud$/i.test(name);

/**
 * Whether a file or folder of this name is none of the user's and is passed over in silence: those listed, and all that
 * begins with a dot (`.DS_Store`, `._cat.jpg`, `.git`). A hidden image may be the user's own, and a placeholder stands
 * for one: they are passed over, but reported.
 */
export function isJunk(name: string): boolean {
  if (name.startsWith('.')) return name.startsWith('._') || !(isImageName(name) || isPlaceholder(name));
  return JUNK.has(name.toLowerCase()) || JUNK_PATTERN.test(name);
}
