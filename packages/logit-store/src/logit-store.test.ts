import { appendFile, mkdtemp, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogitStore } from './logit-store.js';
import { divergence, rowCodec } from './row-codec.js';
import { SegmentFolder } from './segment-folder.js';
import { verifyStore } from './verify.js';

const logger = createLogger('test', 'silent');
const address = { teacher: 'a'.repeat(64), data: 'd', images: 10_000 };
const row = (...values: number[]) => Float32Array.from(values);
const temporary = () => mkdtemp(path.join(tmpdir(), 'mcld-logits-'));

function opener(folder: string, { remote, limit = 1 << 30 }: { remote?: FileObjectStore; limit?: number } = {}) {
  const segments = new SegmentFolder(folder, remote, limit, logger);
  const openStore = (more: { identity?: () => string; precision?: string; width?: number; teacher?: string } = {}) =>
    LogitStore.open(
      segments,
      { ...address, ...(more.teacher && { teacher: more.teacher }) },
      {
        codec: rowCodec(more.precision ?? 'fp32', more.width ?? 3),
        identity: more.identity ?? (() => 'cpu'),
        logger,
      },
    );
  return { segments, openStore };
}

const put = (store: LogitStore, index: number, code: number, values: Float32Array) =>
  store.put(Uint32Array.of(index), Uint32Array.of(code), new Rows(values.slice(), values.length));

function get(store: LogitStore, index: number, code: number): Float32Array | undefined {
  const out = Rows.zeros(1, store.codec.width);
  return store.read(Uint32Array.of(index), Uint32Array.of(code), out)[0] === 1 ? out.row(0) : undefined;
}

async function files(folder: string, end: string): Promise<string[]> {
  const names = await readdir(path.join(folder, address.teacher, address.data));
  return names
    .filter((name) => name.endsWith(end))
    .map((name) => path.join(folder, address.teacher, address.data, name));
}

describe('LogitStore', () => {
  it('gives back the same bits at once, and after it was closed and opened', async () => {
    const folder = await temporary();
    const store = await opener(folder).openStore();
    put(store, 7, 161, row(0.1, -2.5e-30, 3e20));
    put(store, 8, 0, row(1, 2, 3));
    expect(get(store, 7, 161)).toEqual(row(0.1, -2.5e-30, 3e20));
    await store.close();
    const again = await opener(folder).openStore();
    expect(again.size).toBe(2);
    expect(get(again, 7, 161)).toEqual(row(0.1, -2.5e-30, 3e20));
    expect([again.has(7, 160), get(again, 7, 160), again.has(99_999, 0)]).toEqual([false, undefined, false]);
  });

  it('notes with each row what computed it, also where that changes while it is open', async () => {
    let identity = 'batch 32';
    const folder = await temporary();
    const store = await opener(folder).openStore({ identity: () => identity });
    put(store, 1, 0, row(1, 0, 0));
    identity = 'batch 4';
    put(store, 2, 0, row(2, 0, 0));
    expect(store.identities).toEqual(['batch 32', 'batch 4']);
    await store.close();
    const again = await opener(folder).openStore();
    expect([again.size, again.identities]).toEqual([2, ['batch 32', 'batch 4']]);
    expect([get(again, 1, 0), get(again, 2, 0)]).toEqual([row(1, 0, 0), row(2, 0, 0)]);
  });

  it('gives a sample spread over all that is stored', async () => {
    const store = await opener(await temporary()).openStore();
    for (let i = 0; i < 100; i++) put(store, i * 7, i % 2 === 0 ? 3 : 161, row(i, 0, 0));
    const sample = store.sample(10);
    expect(sample.filter(({ code }) => code === 3).length).toBe(5);
    expect(sample.filter(({ index, code }) => store.has(index, code)).length).toBe(10);
    expect(sample.length).toBe(10);
    expect([store.sample(1000).length, store.sample(3).length]).toEqual([100, 3]);
    await store.close();
    expect((await opener(await temporary()).openStore()).sample(10)).toEqual([]);
  });

  it('forgets what was removed while it was open, and stores anew', async () => {
    const folder = await temporary();
    const remote = new FileObjectStore(await temporary());
    for (const shared of [undefined, remote]) {
      const { segments, openStore } = opener(folder, shared && { remote: shared });
      const store = await openStore();
      put(store, 1, 1, row(1, 1, 1));
      await store.save();
      await store.refresh();
      expect(get(store, 1, 1)).toEqual(row(1, 1, 1));
      put(store, 2, 1, row(1, 1, 1));
      await segments.remove(address);
      await store.refresh();
      expect([store.size, store.identities, get(store, 1, 1), get(store, 2, 1)]).toEqual([0, [], undefined, undefined]);
      put(store, 1, 1, row(2, 2, 2));
      await store.close();
      expect(get(await openStore(), 1, 1)).toEqual(row(2, 2, 2));
      await segments.remove(address);
    }
  });

  it('keeps the first row of a view, also among segments', async () => {
    const folder = await temporary();
    for (const [identity, value] of [
      ['cpu', 1],
      ['gpu', 2],
    ] as const) {
      const store = await opener(folder).openStore({ identity: () => identity });
      put(store, 1, 1, row(value, value, value));
      put(store, value, 5, row(value, value, value));
      await store.close();
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const store = await opener(folder).openStore();
    expect(get(store, 1, 1)).toEqual(row(1, 1, 1));
    expect(store.identities).toEqual(['cpu', 'gpu']);
  });

  it.each(['fp32', 'fp16', 'topk:2'])('reads many views at once, and says which were there (%s)', async (precision) => {
    const store = await opener(await temporary()).openStore({ precision });
    const logits = row(1, 2, 3, 4, 5, 6);
    store.put(Uint32Array.of(4, 9), Uint32Array.of(0, 2), new Rows(logits, 3));
    const out = Rows.zeros(4, 3);
    out.values.fill(-1);
    const there = store.read(Uint32Array.of(9, 5, 4, 9), Uint32Array.of(2, 0, 0, 1), out);
    expect([...there]).toEqual([1, 0, 1, 0]);
    // As `put` said that they would be read.
    expect(out.values).toEqual(row(...logits.slice(3), -1, -1, -1, ...logits.slice(0, 3), -1, -1, -1));
    await store.close();
  });

  it('shows rows to a reader that looks again, while they are written', async () => {
    const folder = await temporary();
    const writer = await opener(folder).openStore();
    put(writer, 1, 0, row(1, 2, 3));
    const reader = await opener(folder).openStore();
    expect(get(reader, 1, 0)).toEqual(row(1, 2, 3));
    await writer.close();
  });

  it('loses a row whose bytes changed, and no other; verify finds it', async () => {
    const folder = await temporary();
    const store = await opener(folder).openStore();
    for (let i = 0; i < 100; i++) put(store, i, 0, row(i, i, i));
    await store.close();
    const [rows] = await files(folder, '.rows');
    const handle = await open(rows!, 'r+');
    await handle.write(Buffer.of(1), 0, 1, 50 * 16 + 5);
    await handle.close();
    const { segments, openStore } = opener(folder);
    const again = await openStore();
    const found = Array.from({ length: 100 }, (_, i) => get(again, i, 0));
    expect(found.map((r, i) => r?.[0] === i)).toEqual(Array.from({ length: 100 }, (_, i) => i !== 50));
    // It can be stored anew.
    expect(again.has(50, 0)).toBe(false);
    expect(put(again, 50, 0, row(5, 5, 5))).toBe(true);
    expect(get(again, 50, 0)).toEqual(row(5, 5, 5));
    expect(await verifyStore(segments, segments.stored()[0]!)).toMatchObject({
      rows: 101,
      damagedRows: 1,
      refused: [],
    });
  });

  it('cuts off a torn tail wherever it is torn, and serves the rest', async () => {
    const folder = await temporary();
    const store = await opener(folder).openStore();
    for (let i = 0; i < 20; i++) put(store, i, 0, row(i, i, i));
    await store.close();
    const [keys] = await files(folder, '.keys');
    const whole = await readFile(keys!);
    for (const length of [1024, 1025, 1024 + 16 * 7 + 3, 1024 + 16 * 19 + 15]) {
      await writeFile(keys!, whole.subarray(0, length));
      expect((await opener(folder).openStore()).size).toBe(Math.floor((length - 1024) / 16));
    }
    await writeFile(keys!, whole);
    await appendFile(keys!, Buffer.alloc(40, 7));
    expect((await opener(folder).openStore()).size).toBe(20);
    const [rows] = await files(folder, '.rows');
    await truncate(rows!, 16 * 5 + 7);
    expect((await opener(folder).openStore()).size).toBe(5);
  });

  it('passes over what is not a segment, whatever is in it', async () => {
    const folder = await temporary();
    const store = await opener(folder).openStore();
    put(store, 3, 0, row(1, 2, 3));
    await store.close();
    const [keys] = await files(folder, '.keys');
    const good = await readFile(keys!);
    await fc.assert(
      fc.asyncProperty(fc.nat(1023), fc.integer({ min: 1, max: 255 }), fc.nat(1060), async (at, flip, length) => {
        const bad = Buffer.from(good);
        bad[at]! ^= flip;
        const target = `${keys!.slice(0, -5)}x`;
        await writeFile(`${target}.keys`, bad.subarray(0, Math.max(length, at + 1)));
        await writeFile(`${target}.rows`, Buffer.alloc(16));
        expect((await opener(folder).openStore()).size).toBe(1);
      }),
      { numRuns: 100 },
    );
  });

  it('passes over a segment of another width or another precision', async () => {
    const folder = await temporary();
    const store = await opener(folder).openStore({ width: 4 });
    put(store, 1, 1, row(1, 2, 3, 4));
    await store.close();
    expect((await opener(folder).openStore()).size).toBe(0);
  });

  it('takes no more than its budget, and lets go of the teacher used longest ago first', async () => {
    const folder = await temporary();
    const segment = 2 ** 18 * 16;
    const stores = opener(folder, { limit: segment + 100_000 });
    const first = await stores.openStore({ teacher: 'b'.repeat(64) });
    expect(put(first, 1, 0, row(1, 1, 1))).toBe(true);
    await first.close();
    const later = opener(folder, { limit: segment + 6_000 });
    const second = await later.openStore();
    expect(put(second, 1, 0, row(1, 1, 1))).toBe(true);
    expect(later.segments.stored().map(({ teacher }) => teacher)).toEqual([address.teacher]);
    expect(await readdir(folder)).toEqual([address.teacher]);
    const tight = await opener(folder, { limit: 1000 }).openStore({ teacher: 'c'.repeat(64) });
    expect(put(tight, 1, 0, row(1, 1, 1))).toBe(false);
    expect(tight.has(1, 0)).toBe(false);
  });

  it('shares segments through an object store, of which its files are a cache', async () => {
    const remote = new FileObjectStore(await temporary());
    const here = await opener(await temporary(), { remote }).openStore();
    put(here, 1, 2, row(1, 2, 3));
    await here.save();
    const there = opener(await temporary(), { remote });
    const reader = await there.openStore();
    expect(get(reader, 1, 2)).toEqual(row(1, 2, 3));
    put(here, 2, 2, row(4, 5, 6));
    await here.save();
    expect(reader.has(2, 2)).toBe(false);
    await reader.refresh();
    expect(get(reader, 2, 2)).toEqual(row(4, 5, 6));
    await there.segments.remove(there.segments.stored()[0]!);
    expect(await remote.list('logits/')).toEqual([]);
    expect(await readdir(there.segments.root)).toEqual([]);
  });
});

describe('a row codec', () => {
  const logits = Float32Array.from({ length: 101 }, (_, i) => 8 * Math.sin(i * 1.7) + (i === 17 ? 12 : 0));

  it.each([
    ['fp16', 51, 1e-5],
    ['topk:10', 16, 0.7],
    ['topk:100', 151, 1e-6],
  ])('%s says how far its rows are off', (precision, words, most) => {
    const codec = rowCodec(precision, 101);
    const stored = new Int32Array(codec.words + 2);
    const back = new Float32Array(103);
    codec.encode(logits, stored, 1);
    codec.decode(stored, 1, back, 1);
    expect(codec.words).toBe(words);
    const found = divergence(logits, back.subarray(1, -1));
    expect(found).toBeLessThan(most);
    expect([back[0], back[102], stored[0], stored.at(-1)]).toEqual([0, 0, 0, 0]);
  });

  it('fp16 leaves a row as it is that comes out of it', () => {
    const codec = rowCodec('fp16', 101);
    const through = (row: Float32Array) => {
      const [stored, back] = [new Int32Array(codec.words), new Float32Array(101)];
      codec.encode(row, stored, 0);
      codec.decode(stored, 0, back, 0);
      return back;
    };
    const once = through(logits);
    expect(once).not.toEqual(logits);
    expect(through(once)).toEqual(once);
  });

  it.each(['fp8', 'topk', 'topk:0', 'topk:101', 'topk:-1'])('refuses %s', (precision) => {
    expect(() => rowCodec(precision, 101)).toThrow('expected');
  });

  it('measures no divergence between equal rows', () => {
    expect(divergence(logits, logits)).toBe(0);
  });
});
