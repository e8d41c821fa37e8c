import type { ViewAddress } from '@mcld/feeds/views.js';
import type { Rows } from '@mcld/platform/rows.js';
import { describe, expect, it } from 'vitest';
import { ComputeQueue } from './compute-queue.js';
import { plannedRows } from './planned-rows.js';
import type { RowSource } from './row-source.js';

/** A source whose logits of a view are its address; the subject is how batches are gathered. */
function fakeSource(batch: number, { full = false, failAt = -1 } = {}) {
  const stored = new Map<string, Float32Array>();
  const batches: number[] = [];
  const fetched: number[] = [];
  let fromStore = 0;
  const key = (index: number, code: number) => `${index} ${code}`;
  const queue = new ComputeQueue({
    batch,
    async prepare(views: readonly ViewAddress[]) {
      fetched.push(views.length);
      return async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        batches.push(views.length);
        if (batches.length - 1 === failAt) throw new Error('the teacher is out of memory');
        return views.map(({ index, code }) => {
          const row = Float32Array.of(index, code);
          if (!full) stored.set(key(index, code), row);
          return row;
        });
      };
    },
  });
  const source = {
    width: 2,
    teacher: { digest: 'ab'.repeat(32), computer: { model: 'onnx' } },
    request: queue.request.bind(queue),
    hurry: queue.hurry.bind(queue),
    store: {
      has: (index: number, code: number) => stored.has(key(index, code)),
      read(index: Uint32Array, code: Uint32Array, out: Rows) {
        return Uint8Array.from(index, (image, i) => {
          const row = stored.get(key(image, code[i] as number));
          if (row) out.set(i, row);
          return row ? 1 : 0;
        });
      },
    },
    countStored: (views: number) => {
      fromStore += views;
    },
  };
  return { source: source as unknown as RowSource, batches, fetched, stored, counted: () => fromStore };
}

async function* plans(steps: number, size: number, repeat = 1) {
  for (let r = 0; r < repeat; r++) {
    for (let step = 0; step < steps; step++) {
      const index = Array.from({ length: size }, (_, i) => step * size + i);
      yield { cursor: { epoch: r, step }, views: { index, code: index.map(() => 3) } };
    }
  }
}

async function run(source: RowSource, steps: ReturnType<typeof plans>): Promise<number[]> {
  const firsts: number[] = [];
  for await (const { rows } of plannedRows(steps, source)) firsts.push(rows.values[0]!);
  return firsts;
}

describe('plannedRows', () => {
  it('answers every step in order, filling compute batches from the steps ahead', async () => {
    const { source, batches } = fakeSource(16);
    const steps: number[] = [];
    for await (const { cursor, rows } of plannedRows(plans(10, 5), source)) {
      steps.push(cursor.step);
      expect(rows.count).toBe(5);
      expect([...rows.row(0)]).toEqual([cursor.step * 5, 3]);
    }
    expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches).toEqual([16, 16, 16, 2]);
  });

  it('computes a view once, and counts what came from the store', async () => {
    const { source, batches, counted } = fakeSource(16);
    const rows: number[] = [];
    for await (const step of plannedRows(plans(4, 4, 3), source)) rows.push(step.rows.count);
    expect(rows).toEqual(Array(12).fill(4));
    expect(batches.reduce((a, b) => a + b)).toBe(16);
    expect(counted()).toBeGreaterThanOrEqual(16);
  });

  it('computes a view once for several streams, and fills batches across them', async () => {
    const { source, batches } = fakeSource(64);
    const answers = await Promise.all(Array.from({ length: 4 }, () => run(source, plans(40, 12))));
    for (const firsts of answers) expect(firsts).toEqual(Array.from({ length: 40 }, (_, step) => step * 12));
    expect(batches.reduce((a, b) => a + b)).toBe(480);
    expect(batches.length).toBeLessThanOrEqual(9);
  });

  it('works on when the store is full', async () => {
    const { source } = fakeSource(8, { full: true });
    expect(await run(source, plans(6, 4, 2))).toEqual([0, 4, 8, 12, 16, 20, 0, 4, 8, 12, 16, 20]);
  });

  it('fails those who wait for a batch that fails, and nobody else', async () => {
    const { source } = fakeSource(8, { failAt: 0 });
    await expect(run(source, plans(1, 4))).rejects.toThrow('out of memory');
    expect(await run(source, plans(2, 4))).toEqual([0, 4]);
  });

  it('computes a view again whose stored row is damaged', async () => {
    const { source, stored, batches } = fakeSource(8);
    await run(source, plans(2, 4));
    const { read } = source.store;
    const store = source.store as { read: typeof read };
    store.read = (index, code, out) => read(index, code, out).map((there, i) => (index[i] === 5 ? 0 : there));
    expect(await run(source, plans(2, 4))).toEqual([0, 4]);
    expect([stored.size, batches]).toEqual([8, [8, 1]]);
  });

  it('refuses stored rows that are not finite, and says how to be rid of them', async () => {
    const { source, stored } = fakeSource(8);
    await run(source, plans(2, 4));
    stored.set('5 3', Float32Array.of(1, Number.NaN));
    await expect(run(source, plans(2, 4))).rejects.toThrow(
      "the teacher (onnx) answers to image 5, as it is stored ('mcld cache gc --teacher abababababab' removes what is " +
        'stored), with NaN for class 1; a student cannot learn from that',
    );
  });
});
