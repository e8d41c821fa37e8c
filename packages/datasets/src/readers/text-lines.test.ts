import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, scratch } from './test-support.js';
import { readLines, readList } from './text-lines.js';

const utf16 = (text: string) => Buffer.from(text, 'utf16le');

async function written(content: Buffer | string): Promise<string> {
  const root = await scratch();
  await writeFile(path.join(root, 'classes.txt'), content);
  return root;
}

describe('a list of names', () => {
  it.each([
    ['with line ends of Windows', 'caf\u00e9\r\ndog\r\n'],
    ['with line ends of old Macs', 'caf\u00e9\rdog\r'],
    ['with a byte order mark', '\ufeffcaf\u00e9\ndog'],
    ['in UTF-16', utf16('\ufeffcaf\u00e9\r\ndog\r\n')],
    ['in UTF-16 of big endian', utf16('\ufeffcaf\u00e9\r\ndog\r\n').swap16()],
    ['with blank lines at its end', 'caf\u00e9\ndog\n\n \n'],
  ])('is read %s', async (_, content) => {
    expect(await readList(await written(content), 'classes.txt', 'a hint')).toEqual(['caf\u00e9', 'dog']);
  });

  it.each([
    ['cat\n\ndog\n', 'line 2 is blank, expected a name on each line'],
    ['\r\ncat\r\ndog', 'line 1 is blank, expected a name on each line'],
    ['cat\ndog\n \t\ncow', 'line 3 is blank, expected a name on each line'],
    [
      Buffer.concat([Buffer.from('cat\n'), utf16('dog\n')]),
      'line 2 has a zero byte, expected text in UTF-8, or in UTF-16 with a byte order mark',
    ],
  ])('is refused where a line is none: %j', async (content, message) => {
    const root = await written(content);
    expect(await messageOf(readList(root, 'classes.txt', 'a hint'), root)).toBe(`ROOT/classes.txt: ${message}`);
  });

  it('in which the place of a line does not count may have blank ones', async () => {
    const root = await written('\ufeffa,1\r\n\r\nb,2\r\n');
    expect(await readLines(root, 'classes.txt', 'a hint')).toEqual(['a,1', 'b,2']);
  });
});
