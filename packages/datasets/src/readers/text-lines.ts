import path from 'node:path';
import { DatasetError } from './dataset-error.js';
import { shownPath } from './file-names.js';
import { readDataFile } from './files.js';

/**
 * The lines of a data set's file that are not empty.
 * @throws DatasetError as `readDataFile`, and for what is not text
 */
export async function readLines(root: string, name: string, hint: string): Promise<string[]> {
  const data = await readDataFile(root, name, hint);
  return linesOf(data, path.join(root, name)).filter((line) => line !== '');
}

/** The lines of a data set's file as `listLines`. @throws DatasetError as `readDataFile` */
export const readList = async (root: string, name: string, hint: string): Promise<string[]> =>
  listLines(await readDataFile(root, name, hint), path.join(root, name));

/**
 * The lines of a list in which the place of a line counts, as the names of classes by their numbers.
 * @param file for messages
 * @throws DatasetError for a blank line that others follow: without it they would move
 */
export function listLines(data: Buffer, file: string): string[] {
  const lines = linesOf(data, file);
  const end = lines.findLastIndex((line) => line.trim() !== '') + 1;
  const blank = lines.slice(0, end).findIndex((line) => line.trim() === '');
  if (blank < 0) return lines.slice(0, end);
  throw new DatasetError('damaged', `${shownPath(file)}: line ${blank + 1} is blank, expected a name on each line`);
}

/** Of any system: Windows writes `\r\n`, and UTF-8 with a mark or UTF-16. */
function linesOf(data: Buffer, file: string): string[] {
  const mark = data.toString('latin1', 0, 2);
  const encoding = mark === '\xff\xfe' ? 'utf-16le' : mark === '\xfe\xff' ? 'utf-16be' : 'utf-8';
  const lines = new TextDecoder(encoding).decode(data).split(/\r\n|\r|\n/);
  const binary = lines.findIndex((line) => line.includes('\0'));
  if (binary < 0) return lines;
  throw new DatasetError(
    'damaged',
    `${shownPath(file)}: line ${binary + 1} has a zero byte, expected text in UTF-8, or in UTF-16 with a byte order mark`,
  );
}
