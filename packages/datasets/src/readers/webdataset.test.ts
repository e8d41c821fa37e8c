import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { create, Header, Pax } from 'tar';
import { describe, expect, it } from 'vitest';
import type { Split } from './dataset.js';
import { at, messageOf, photo, pixelsOf, put, scratch, treeOf } from './test-support.js';
import { openWebDataset } from './webdataset.js';

type Member = readonly [name: string, text?: string];

const image = await readFile(photo);

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);

/** A header of ustar with a name of any bytes. */
function header(name: Buffer, size: number, type: 'File' | 'SymbolicLink' | 'Directory' = 'File'): Buffer {
  const block = Buffer.alloc(512);
  new Header({ path: 'x', size, type, mode: 0o644, mtime: new Date(0), linkpath: '' }).encode(block);
  block.fill(0, 0, 100);
  name.copy(block, 0);
  block.fill(' ', 148, 156);
  const sum = block.reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A tar of members in this order: photographs under names of images, texts under others. */
function tarOf(members: readonly Member[], encoding: BufferEncoding = 'utf8'): Buffer {
  const parts = members.flatMap(([name, text]) => {
    const body = text === undefined ? image : Buffer.from(text);
    return [header(Buffer.from(name, encoding), body.length), padded(body)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const good: Member[] = [['a.jpg'], ['a.cls', '0'], ['b.jpg'], ['b.cls', '1']];

async function shards(files: Readonly<Record<string, readonly Member[] | Buffer | string>>): Promise<string> {
  const root = await scratch();
  for (const [name, content] of Object.entries(files)) {
    await writeFile(path.join(root, name), Array.isArray(content) ? tarOf(content) : (content as Buffer));
  }
  return root;
}

const refusal = (root: string, split: Split = 'train'): Promise<string> =>
  messageOf(openWebDataset(at(root, split)), root);

describe('a name that is there twice in a shard', () => {
  it.each<[string, Member[], string]>([
    [
      'of twelve samples',
      Array.from({ length: 12 }, () => [['x.jpg'], ['x.cls', '0']] as Member[]).flat(),
      'ROOT/train-0.tar holds x.jpg twice (at bytes 512 and 4096); ' +
        'each sample of a shard needs a name of its own, up to its first dot',
    ],
    [
      'of labels',
      [['a.jpg'], ['a.cls', '0'], ['a.cls', '1']],
      'ROOT/train-0.tar holds a.cls twice (at bytes 3072 and 4096)',
    ],
    ['apart from ./', [['./a.jpg'], ['a.cls', '0'], ['a.jpg']], 'holds ./a.jpg and a.jpg twice'],
    ['apart from case', [['a.jpg'], ['a.cls', '0'], ['a.JPG']], 'holds a.jpg and a.JPG twice'],
    [
      'in two formats',
      [['a.jpg'], ['a.png'], ['a.cls', '0']],
      'ROOT/train-0.tar: the sample a has 2 images, expected one: a.jpg, a.png, a.cls ' +
        "(a sample's name ends at the first dot)",
    ],
    [
      'up to its first dot',
      [['cat.0.jpg'], ['cat.0.cls', '0'], ['cat.1.jpg'], ['cat.1.cls', '0']],
      'the sample cat has 2 images, expected one: cat.0.jpg, cat.0.cls, cat.1.jpg, cat.1.cls',
    ],
  ])('is refused: %s', async (_, members, message) => {
    expect(await refusal(await shards({ 'train-0.tar': members }))).toContain(message);
  });

  it('is another sample in another folder, and in another shard', async () => {
    const root = await shards({
      'train-0.tar': [['x/a.jpg'], ['x/a.cls', '0'], ['y/a.jpg'], ['y/a.cls', '1']],
      'train-1.tar': good,
    });
    expect([...(await openWebDataset(at(root, 'train'))).labels]).toEqual([0, 1, 0, 1]);
  });

  it('is none where names that are not UTF-8 differ, in any format of tar', async () => {
    const latin = tarOf([['\xe9.jpg'], ['\xe9.cls', '0'], ['\xe8.jpg'], ['\xe8.cls', '1']], 'latin1');
    const root = await shards({ 'train-0.tar': latin });
    const data = await openWebDataset(at(root, 'train'));
    expect([[...data.labels], (await pixelsOf(data, 1)).length]).toEqual([[0, 1], 64 * 64 * 3]);
    expect(await refusal(await shards({ 'train-0.tar': tarOf([['\xe9.jpg'], ['\xe9.jpg']], 'latin1') }))).toContain(
      'holds \\xe9.jpg twice',
    );
  });

  it('is none where long names that are not UTF-8 differ, as GNU and pax write them', async () => {
    const from = await scratch();
    const long = 'long-'.repeat(30);
    const names = ['\xe9', '\xe8'].flatMap((letter) => [`${long}${letter}.jpg`, `${long}${letter}.cls`]);
    for (const [i, name] of names.entries()) {
      await writeFile(Buffer.from(`${from}/${name}`, 'latin1'), i % 2 === 0 ? image : String(i >> 1));
    }
    for (const format of ['gnu', 'pax']) {
      const root = await scratch();
      execFileSync('tar', ['-C', from, `--format=${format}`, '-cf', path.join(root, 'train-0.tar'), '.']);
      expect([...(await openWebDataset(at(root, 'train'))).labels].sort(), format).toEqual([0, 1]);
    }
  });
});

describe('a label of a shard', () => {
  it.each<[string, Member[], string]>([
    [
      'that is missing',
      [['a.jpg'], ['a.json', '{}'], ['a.cls.txt', '0']],
      'ROOT/train-0.tar: the sample a has no .cls; it has a.jpg, a.json, a.cls.txt, ' +
        'expected the number of a class, 0 to 65535',
    ],
    [
      'that is empty',
      [['a.jpg'], ['a.cls', ' \n']],
      'ROOT/train-0.tar: a.cls is empty, expected the number of a class',
    ],
    ['that is a word', [['a.jpg'], ['a.cls', 'cat']], "a.cls is 'cat', expected the number of a class"],
    ['of several', [['a.jpg'], ['a.cls', '1 2']], "a.cls is '1 2', expected"],
    ['below 0', [['a.jpg'], ['a.cls', '-1']], "a.cls is '-1', expected"],
    ['too large', [['a.jpg'], ['a.cls', '65536']], "a.cls is '65536', expected the number of a class, 0 to 65535"],
  ])('is refused: %s', async (_, members, message) => {
    expect(await refusal(await shards({ 'train-0.tar': members }))).toContain(message);
  });

  it('may be anywhere in the shard and in capitals, and is not needed for the unlabeled split', async () => {
    const apart: Member[] = [['a.JPG'], ['b.jpeg'], ['b.CLS', '01\n'], ['a.cls', '0']];
    const root = await shards({ 'train-0.tar': apart, 'unlabeled-0.tar': [['a.jpg'], ['b.jpg']] });
    expect([...(await openWebDataset(at(root, 'train'))).labels]).toEqual([0, 1]);
    const unlabeled = await openWebDataset(at(root, 'unlabeled'));
    expect([unlabeled.count, unlabeled.labels.length, unlabeled.classNames, unlabeled.passedOver]).toEqual([
      2,
      0,
      ['0', '1'],
      [],
    ]);
  });
});

describe('classes of shards', () => {
  it('that have no sample are refused, unless classes.txt names them: then they are told of', async () => {
    const root = await shards({ 'train-0.tar': [['a.jpg'], ['a.cls', '1'], ['b.jpg'], ['b.cls', '2']] });
    expect(await refusal(root)).toBe(
      'ROOT has a class without a usable image: class 0 (no sample has its number; if that is meant, ' +
        'name all classes in a classes.txt)',
    );
    await writeFile(path.join(root, 'classes.txt'), 'cat\ndog\ncow\n');
    const data = await openWebDataset(at(root, 'train'));
    expect([data.classNames, data.passedOver]).toEqual([
      ['cat', 'dog', 'cow'],
      [{ kind: 'classes without images', count: 1, names: ['class cat'] }],
    ]);
    await writeFile(path.join(root, 'classes.txt'), Buffer.from('\ufeffcat\r\ndog\r\ncow\r\n', 'utf16le'));
    expect((await openWebDataset(at(root, 'train'))).classNames).toEqual(['cat', 'dog', 'cow']);
    await writeFile(path.join(root, 'classes.txt'), 'cat\n\ndog\ncow\n');
    expect(await refusal(root)).toBe('ROOT/classes.txt: line 2 is blank, expected a name on each line');
    await writeFile(path.join(root, 'classes.txt'), 'cat\ndog\n');
    expect(await refusal(root)).toBe("ROOT: a sample of split 'train' is of class 2, but classes.txt has 2 lines");
  });

  it('are those of the training split also where the test split has fewer, and never more', async () => {
    const root = await shards({
      'train-0.tar': good,
      'val-0.tar': [['a.jpg'], ['a.cls', '0']],
      'val-1.tar': [['a.jpg'], ['a.cls', '0']],
    });
    const data = await openWebDataset(at(root, 'test'));
    expect([data.classNames, [...data.labels], data.passedOver]).toEqual([
      ['0', '1'],
      [0, 0],
      [{ kind: 'classes without images', count: 1, names: ['class 1'] }],
    ]);
    await writeFile(path.join(root, 'val-1.tar'), tarOf([['a.jpg'], ['a.cls', '2']]));
    expect(await refusal(root, 'test')).toBe(
      "ROOT: a sample of split 'test' is of class 2, but the training split has none of it",
    );
  });

  it('are at least two', async () => {
    expect(await refusal(await shards({ 'train-0.tar': [['a.jpg'], ['a.cls', '0']] }))).toBe(
      'ROOT has a single class, 0; expected two or more',
    );
  });
});

describe('what of shards is not used', () => {
  it('is counted by kind, junk apart', async () => {
    const unread: Member[] = [
      ['c.heic', ''],
      ['c.cls', '0'],
      ['d.heic', ''],
      ['d.cls', '1'],
      ['e.cls', '0'],
      ['LICENSE', ''],
      ['.f.jpg'],
    ];
    const junk: Member[] = [
      ['._a.jpg', ''],
      ['__MACOSX/x/._a.jpg', ''],
      ['PaxHeader/a.jpg', ''],
      ['.DS_Store', ''],
      ['./.git/x.jpg', ''],
    ];
    const extra: Member[] = [
      ['a.json', '{}'],
      ['b.seg.png', ''],
    ];
    const root = await shards({
      'train-0.tar': [...good, ...extra, ...unread, ...junk],
      'train-1.tar.gz': gzipSync(tarOf(good)),
      '._train-0.tar': 'x',
    });
    const data = await openWebDataset(at(root, 'train'));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [
        { kind: 'samples without an image (.cls, .heic)', count: 2, names: ['train-0.tar: c', 'train-0.tar: d'] },
        { kind: 'compressed shards', count: 1, names: ['train-1.tar.gz'] },
        { kind: 'files without an ending', count: 1, names: ['train-0.tar: LICENSE'] },
        { kind: 'hidden images', count: 1, names: ['train-0.tar: .f.jpg'] },
        { kind: 'samples without an image (.cls)', count: 1, names: ['train-0.tar: e'] },
      ],
    ]);
  });

  it('includes what lies beside the shards', async () => {
    const root = await shards({
      'train-0.tar': [...good, ['.c.jpg.icloud', '']],
      'train-1.tar.part': '',
      'dev-0.tar': good,
      'train-2.tar.crdownload': '',
      '.train-3.tar.icloud': '',
      'STAND-IN.txt': 'photographs of another kind',
    });
    await put(root, 'more/train-9.tar');
    await symlink('more', path.join(root, 'again'));
    expect((await openWebDataset(at(root, 'train'))).passedOver).toEqual([
      {
        kind: 'files that iCloud has not downloaded',
        count: 2,
        names: ['.train-3.tar.icloud', 'train-0.tar: .c.jpg.icloud'],
      },
      { kind: 'files ending in .crdownload', count: 1, names: ['train-2.tar.crdownload'] },
      { kind: 'files ending in .part', count: 1, names: ['train-1.tar.part'] },
      { kind: 'folders beside the shards', count: 1, names: ['more'] },
      { kind: 'links beside the shards', count: 1, names: ['again'] },
      { kind: "shards of no split, beside those named 'train'", count: 1, names: ['dev-0.tar'] },
    ]);
  });

  it('includes links, which hold no bytes', async () => {
    const [from, root] = [await scratch(), await scratch()];
    for (const [name, body] of [
      ['a.jpg', image],
      ['a.cls', '0'],
      ['b.jpg', image],
      ['b.cls', '1'],
    ] as const) {
      await writeFile(path.join(from, name), body);
    }
    await mkdir(path.join(from, 'folder'));
    await symlink('a.jpg', path.join(from, 'c.jpg'));
    await create({ file: path.join(root, 'train-0.tar'), cwd: from, portable: true }, [
      'a.jpg',
      'a.cls',
      'b.jpg',
      'b.cls',
      'folder',
      'c.jpg',
    ]);
    const data = await openWebDataset(at(root, 'train'));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [{ kind: 'members of shards that are not files', count: 1, names: ['train-0.tar: c.jpg'] }],
    ]);
  });

  it('includes damaged images with skipDamaged, by shard and byte', async () => {
    const root = await shards({ 'train-0.tar': [...good, ['c.jpg', 'no picture'], ['c.cls', '1']] });
    const data = await openWebDataset(at(root, 'train', { skipDamaged: true }));
    expect([data.count, data.passedOver]).toEqual([
      2,
      [{ kind: 'damaged images', count: 1, names: [expect.stringMatching(/^train-0\.tar: c\.jpg \(byte \d+\)$/)] }],
    ]);
  });
});

describe('shards that are none', () => {
  it('but compressed are named as that', async () => {
    const gz = gzipSync(tarOf(good));
    expect(await refusal(await shards({ 'train-0.tar': gz }))).toBe(
      'ROOT/train-0.tar is compressed with gzip; unpack it to a plain .tar',
    );
    expect(await refusal(await shards({ 'train-0.tar.gz': gz }))).toBe(
      "ROOT has no shards of split 'train'; expected names as train-000000.tar; train-0.tar.gz is compressed: " +
        'unpack it to a plain .tar',
    );
  });

  it('are missed with what lies in the root in place of them', async () => {
    const root = await treeOf('train/000.tar', 'val/000.tar', 'README.md', '.DS_Store');
    expect(await refusal(root)).toBe(
      "ROOT has no shards of split 'train'; expected names as train-000000.tar, found README.md, train/, val/",
    );
    expect(await refusal(await shards({ 'cifartrain.tar': good, 'cifartest.tar': good }), 'test')).toBe(
      "ROOT has no shards of split 'test'; expected names as test-000000.tar, found cifartest.tar, cifartrain.tar",
    );
    expect(await refusal(await scratch())).toContain('expected names as train-000000.tar, found nothing');
  });

  it('but pipes are not waited for', async () => {
    const root = await scratch();
    execFileSync('mkfifo', [path.join(root, 'train-0.tar')]);
    expect(await refusal(root)).toBe('ROOT/train-0.tar: no file at byte 0');
  });

  it('hold no images, and what they hold instead is told', async () => {
    expect(
      await refusal(
        await shards({
          'train-0.tar': [
            ['a.heic', ''],
            ['a.cls', '0'],
          ],
        }),
      ),
    ).toBe(
      "the shards of ROOT hold no images of split 'train': samples without an image (.cls, .heic): 1 (train-0.tar: a)",
    );
  });

  it('but several, joined with cat, are refused by the byte where the second begins', async () => {
    const [first, more] = [tarOf(good), tarOf([['c.jpg'], ['c.cls', '0']])];
    const told = (at: number) =>
      `ROOT/train-0.tar goes on behind the end of its tar, at byte ${at}. Were tars joined with cat? ` +
      "Join them with 'tar --concatenate', or keep each as a shard of its own";
    expect(await refusal(await shards({ 'train-0.tar': Buffer.concat([first, more]) }))).toBe(told(first.length));
    // Far behind, past one piece, and with a single block of zeros between them.
    const far = Buffer.concat([first, Buffer.alloc(200_000), more]);
    expect(await refusal(await shards({ 'train-0.tar': far }))).toBe(told(first.length + 200_000));
    const lone = Buffer.concat([first.subarray(0, -512), more]);
    expect(await refusal(await shards({ 'train-0.tar': lone }))).toBe(told(first.length - 512));
  });

  it.each([0, 512, 10_240, 200_001])('but with %i more bytes of zeros are whole', async (bytes) => {
    const root = await shards({ 'train-0.tar': Buffer.concat([tarOf(good).subarray(0, -512), Buffer.alloc(bytes)]) });
    expect((await openWebDataset(at(root, 'train'))).count).toBe(2);
  });

  it('with a global pax header and names in pax headers are read', async () => {
    const pax = new Pax({ path: `${'p'.repeat(120)}.jpg` }).encode();
    const cls = new Pax({ path: `${'p'.repeat(120)}.cls` }).encode();
    const global = new Pax({ comment: 'of git archive' }, true).encode();
    const body = [
      global,
      pax,
      header(Buffer.from('x'), image.length),
      padded(image),
      cls,
      header(Buffer.from('y'), 1),
      padded(Buffer.from('0')),
    ];
    const root = await shards({ 'train-0.tar': Buffer.concat([...body, tarOf([['b.jpg'], ['b.cls', '1']])]) });
    expect([...(await openWebDataset(at(root, 'train'))).labels]).toEqual([0, 1]);
  });
});
