import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wholeOnnx } from './onnx-file.js';

const fixtures = fileURLToPath(new URL('../../models/fixtures/onnx/', import.meta.url));
const GIB = 2 ** 30;

let place: string;

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), 'mcld-onnx-'));
});

afterAll(() => rm(place, { recursive: true, force: true }));

/** A folder of its own with a copy of files of the fixtures. */
async function folderWith(name: string, ...files: string[]): Promise<string> {
  const folder = path.join(place, name);
  for (const file of files) await cp(path.join(fixtures, file), path.join(folder, file));
  return folder;
}

const read = async (file: string, most = GIB) => wholeOnnx(file, await readFile(file), most);

const digestOf = async (file: string) =>
  createHash('sha256')
    .update(await read(file))
    .digest('hex');

/** Of the fixture, with the one place of its data renamed to another of the same length. */
async function modelAt(folder: string, location: string): Promise<string> {
  const model = await readFile(path.join(fixtures, 'exported.onnx'));
  const text = model.toString('latin1').replaceAll('exported.onnx.data', location);
  const file = path.join(folder, 'model.onnx');
  await mkdir(folder, { recursive: true });
  await writeFile(file, text, 'latin1');
  return file;
}

describe('an ONNX model in several files', () => {
  it('becomes the same bytes from any folder, by any path', async () => {
    const everywhere = await read(path.join(fixtures, 'everywhere.onnx'));
    expect(Buffer.from(everywhere).equals(await readFile(path.join(fixtures, 'everywhere.inside.onnx')))).toBe(true);
    const folder = await folderWith('elsewhere', 'exported.onnx', 'exported.onnx.data');
    const digest = await digestOf(path.join(folder, 'exported.onnx'));
    expect(await digestOf(path.relative(process.cwd(), path.join(fixtures, 'exported.onnx')))).toBe(digest);
  });

  it('becomes others when the data changes', async () => {
    const folder = await folderWith('retrained', 'exported.onnx', 'exported.onnx.data');
    const before = await digestOf(path.join(folder, 'exported.onnx'));
    const data = path.join(folder, 'exported.onnx.data');
    const values = await readFile(data);
    values.writeFloatLE(values.readFloatLE(0) + 1, 0);
    await writeFile(data, values);
    expect(await digestOf(path.join(folder, 'exported.onnx'))).not.toBe(before);
  });

  it('may be links into one folder, as caches of downloads are, and have its data in a folder below', async () => {
    const blobs = await folderWith('blobs', 'exported.onnx', 'exported.onnx.data');
    const snapshot = path.join(place, 'snapshot');
    await mkdir(snapshot);
    await rename(path.join(blobs, 'exported.onnx'), path.join(blobs, 'aa11'));
    await rename(path.join(blobs, 'exported.onnx.data'), path.join(blobs, 'bb22'));
    await symlink('../blobs/aa11', path.join(snapshot, 'exported.onnx'));
    await symlink('../blobs/bb22', path.join(snapshot, 'exported.onnx.data'));
    const digest = await digestOf(path.join(fixtures, 'exported.onnx'));
    expect(await digestOf(path.join(snapshot, 'exported.onnx'))).toBe(digest);
    await rename(path.join(blobs, 'bb22'), path.join(blobs, 'exported.onnx.data'));
    await rm(path.join(snapshot, 'exported.onnx.data'));
    expect(await digestOf(path.join(snapshot, 'exported.onnx'))).toBe(digest);
    const below = await modelAt(path.join(place, 'below'), 'values/onnx.values');
    await cp(path.join(fixtures, 'exported.onnx.data'), path.join(place, 'below/values/onnx.values'));
    expect(await digestOf(below)).toBe(digest);
  });
});

describe('data that is not the model’s own', () => {
  it.each([
    [
      'a folder above',
      '../../secrets.bin.',
      "its values lie in '../../secrets.bin.'; expected a file in the model's own",
    ],
    [
      'an absolute path',
      '/etc/secrets/d.bin',
      "its values lie in '/etc/secrets/d.bin'; expected a file in the model's own",
    ],
    ['nowhere', 'not-there.onnx.dat', 'its values lie in not-there.onnx.dat beside the model: there is no such file'],
    ['a folder', 'folder.onnx.folder', 'its values lie in folder.onnx.folder, which is not a file'],
    ['a link out', 'a-link.onnx.linked', "a-link.onnx.linked is a link out of the model's folder, to"],
    ['too short', 'short.onnx.data.dt', 'of short.onnx.data.dt, which has 100; is it of another export?'],
  ])('is refused by its tensor and its place: %s', async (_name, location, why) => {
    const folder = path.join(place, 'refused');
    const file = await modelAt(folder, location);
    await mkdir(path.join(folder, 'folder.onnx.folder'), { recursive: true });
    await writeFile(path.join(place, 'outside.bin'), new Uint8Array(10_000));
    await symlink('../outside.bin', path.join(folder, 'a-link.onnx.linked')).catch(() => {});
    await writeFile(path.join(folder, 'short.onnx.data.dt'), new Uint8Array(100));
    await expect(read(file)).rejects.toThrow(/^tensor \S+: /);
    await expect(read(file)).rejects.toThrow(why);
  });

  it.each([
    [
      'version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 7000\n',
      'a pointer of Git LFS, not the weights. Fetch them with `git lfs pull`.',
    ],
    ['<html><title>Sign in</title>', 'a web page (Sign in). Was it a download? Look at its address.'],
    ['', 'empty. Was its download broken off?'],
  ])('is refused as what it is: %j', async (content, what) => {
    const folder = await folderWith('pointer', 'exported.onnx');
    await writeFile(path.join(folder, 'exported.onnx.data'), content);
    const wanted = `: its values lie in exported.onnx.data: the file is ${what}`;
    await expect(read(path.join(folder, 'exported.onnx'))).rejects.toThrow(wanted);
  });

  it('is refused when its checksum is another', async () => {
    const folder = await folderWith('changed', 'everywhere.onnx', 'values/all.bin');
    const data = path.join(folder, 'values/all.bin');
    const values = await readFile(data);
    values[20] = 255 - values[20]!;
    await writeFile(data, values);
    await expect(read(path.join(folder, 'everywhere.onnx'))).rejects.toThrow(
      /^a tensor without a name: the sha1 of values\/all.bin is [0-9a-f]{40}, the model expects [0-9a-f]{40}$/,
    );
  });

  it('is refused before it is read where there is too much of it', async () => {
    const { length } = await readFile(path.join(fixtures, 'exported.onnx'));
    const most = length + 100;
    await expect(read(path.join(fixtures, 'exported.onnx'), most)).rejects.toThrow(
      `with its data it has 11117 bytes; at most ${most} are taken`,
    );
  });
});
