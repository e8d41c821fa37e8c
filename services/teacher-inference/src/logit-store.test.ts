import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asTeacherDigest } from '@mcld/platform/ids.js';
import { createLogger } from '@mcld/platform/logging.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import { describe, expect, it } from 'vitest';
import { LogitStore } from './logit-store.js';
import { decodeSegment, encodeSegment } from './segment.js';

const logger = createLogger('test', 'silent');
const teacher = asTeacherDigest('a'.repeat(64));
const address = { teacher, data: 'd', classes: 3 };
const row = (...values: number[]) => Float32Array.from(values);

async function scratch() {
  const objects = new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-logits-')));
  const open = (options: { identity?: string; megabytes?: number } = {}) =>
    LogitStore.open(objects, address, { identity: 'cpu', megabytes: 1, logger, ...options });
  return { objects, open };
}

describe('LogitStore', () => {
  it('gives back the same bits after it was closed and opened', async () => {
    const { open } = await scratch();
    const store = await open();
    store.put(7, 161, row(0.1, -2.5e-30, 3e20));
    store.put(8, 0, row(1, 2, 3));
    await store.save(true);
    const again = await open();
    expect(again.size).toBe(2);
    expect(again.get(7, 161)).toEqual(row(0.1, -2.5e-30, 3e20));
    expect(again.has(7, 160)).toBe(false);
  });

  it('keeps the first row of a view', async () => {
    const { open } = await scratch();
    const store = await open();
    store.put(1, 1, row(1, 1, 1));
    store.put(1, 1, row(2, 2, 2));
    expect(store.get(1, 1)).toEqual(row(1, 1, 1));
  });

  it('passes over a damaged segment and serves the others', async () => {
    const { objects, open } = await scratch();
    const store = await open();
    store.put(1, 1, row(1, 1, 1));
    await store.save(true);
    const [first] = await objects.list('logits/');
    store.put(2, 2, row(2, 2, 2));
    await store.save(true);
    const file = path.join(objects.folder, first!);
    const bytes = await readFile(file);
    bytes[bytes.length - 40]! ^= 1;
    await writeFile(file, bytes);
    const again = await open();
    expect([again.has(1, 1), again.has(2, 2)]).toEqual([false, true]);
  });

  it('takes no more than its budget', async () => {
    const { open } = await scratch();
    const store = await open({ megabytes: 1 });
    let taken = 0;
    for (let i = 0; i < 20_000; i++) if (store.put(i, 0, row(0, 0, 0))) taken++;
    expect(taken).toBeLessThan(20_000);
    expect(store.size).toBe(taken);
  });
});

describe('a segment', () => {
  const segment = { identity: 'cpu', classes: 2, index: Uint32Array.of(5), code: Uint32Array.of(6), logits: row(1, 2) };

  it('travels unchanged', () => {
    expect(decodeSegment(encodeSegment(segment))).toEqual(segment);
  });

  it('is refused with any bit changed or any end cut off', () => {
    const bytes = encodeSegment(segment);
    for (let i = 0; i < bytes.length; i++) {
      const bad = bytes.slice();
      bad[i]! ^= 4;
      expect(() => decodeSegment(bad)).toThrow();
      expect(() => decodeSegment(bytes.slice(0, i))).toThrow();
    }
  });
});
