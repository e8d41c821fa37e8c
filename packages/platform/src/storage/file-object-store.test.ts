import { mkdtemp, readdir } from 'node:fs/promises';
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
    const reasons = results.flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
    expect(reasons.every((reason) => reason instanceof ObjectExistsError)).toBe(true);
    expect(await readdir(store.folder)).toEqual(['once']);
  });

  it('refuses a key that leaves its folder', async () => {
    const store = await open();
    await expect(store.get('../x')).rejects.toThrow("'../x' is no object key");
  });
});
