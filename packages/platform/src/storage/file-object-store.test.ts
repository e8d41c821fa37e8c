import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileObjectStore } from './file-object-store.js';
import { ObjectExistsError } from './object-store.js';

const open = async () => new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-store-')));

describe('FileObjectStore', () => {
  it('keeps, lists by prefix and deletes', async () => {
    const store = await open();
    await store.put('runs/a/x', Buffer.from('1'));
    await store.put('runs/ab/y', Buffer.from('2'));
    expect(await store.list('runs/a')).toEqual(['runs/a/x', 'runs/ab/y']);
    expect(await store.list('runs/a/')).toEqual(['runs/a/x']);
    expect(await store.list('nothing/')).toEqual([]);
    await store.delete('runs/a/x');
    await store.delete('runs/a/x');
    expect(await store.get('runs/a/x')).toBeUndefined();
  });

  it('lets one of many conditional writers win, and leaves no pieces', async () => {
    const store = await open();
    const tries = Array.from({ length: 8 }, (_, i) => store.put('once', Buffer.from([i]), { ifAbsent: true }));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = results.filter((r) => r.status === 'rejected' && r.reason instanceof ObjectExistsError);
    expect(refused).toHaveLength(7);
    expect(await readdir(store.folder)).toEqual(['once']);
  });

  it('leaves no empty folders, and its own folder', async () => {
    const store = await open();
    await store.put('runs/a/checkpoints/1/model', Buffer.from('1'));
    await store.put('runs/a/spec', Buffer.from('2'));
    await store.delete('runs/a/checkpoints/1/model');
    expect(await readdir(path.join(store.folder, 'runs/a'))).toEqual(['spec']);
    await store.delete('runs/a/spec');
    expect(await readdir(store.folder)).toEqual([]);
  });

  it('deletes all under a prefix, with what a writer that was killed left there', async () => {
    const store = await open();
    await store.put('runs/a/checkpoints/1/model', Buffer.from('1'));
    await store.put('runs/ab/spec', Buffer.from('2'));
    await writeFile(path.join(store.folder, 'runs/a/checkpoints/1/optimizer.part-1'), 'half');
    await store.deleteAll('runs/a/');
    await store.deleteAll('runs/a/');
    expect(await readdir(path.join(store.folder, 'runs'))).toEqual(['ab']);
  });

  it('loses no object that is written while its folder is cleared away', async () => {
    const store = await open();
    const round = async (name: string) => {
      for (let i = 0; i < 200; i++) {
        await store.put(`a/b/c/${name}`, Buffer.from(String(i)));
        expect(Buffer.from((await store.get(`a/b/c/${name}`)) ?? []).toString()).toBe(String(i));
        await store.delete(`a/b/c/${name}`);
      }
    };
    await Promise.all(['w', 'x', 'y', 'z'].map(round));
    expect(await readdir(store.folder)).toEqual([]);
  });

  it('lists what stays while other folders are cleared away', async () => {
    const store = await open();
    await store.put('runs/a/kept', Buffer.from('1'));
    const churn = async (name: string) => {
      for (let i = 0; i < 100; i++) {
        await store.put(`runs/${name}/${i}/x`, Buffer.from('2'));
        await store.deleteAll(`runs/${name}/${i}/`);
      }
    };
    const churning = Promise.all(['b', 'c'].map(churn));
    for (let i = 0; i < 100; i++) expect(await store.list('runs/')).toContain('runs/a/kept');
    await churning;
  });

  it('refuses a key that leaves its folder', async () => {
    const store = await open();
    await expect(store.get('../x')).rejects.toThrow("'../x' is not an object key");
  });
});
