import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readClusterFile, removeClusterFile, writeClusterFile } from './cluster-file.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mcld-cluster-'));
  file = path.join(folder, 'cluster.json');
});

describe('the file of a cluster', () => {
  it('comes back as it was written, and goes with the cluster', async () => {
    const content = { supervisor: 7, children: { nats: 8, pipeline: 9 } };
    await writeClusterFile(folder, content);
    expect(await readFile(file, 'utf8')).toBe('{"supervisor":7,"children":{"nats":8,"pipeline":9}}');
    expect(await readClusterFile(folder)).toEqual(content);
    await removeClusterFile(folder);
    expect(await readClusterFile(folder)).toBeUndefined();
  });

  it.each([
    ['{"supervisor":7,"children":{"nats":"eight"}}', 'children.nats: Invalid input: expected number, received string'],
    ['{"children":{}}', 'supervisor: Invalid input'],
    // No process has it; as a group it would be this one's own.
    ['{"supervisor":0,"children":{}}', 'supervisor: Too small'],
    ['{"superv', 'it is not JSON'],
  ])('that is damaged is named with its field: %s', async (text, message) => {
    await writeFile(file, text);
    await expect(readClusterFile(folder)).rejects.toThrow(`${file} cannot be read: ${message}`);
  });
});
