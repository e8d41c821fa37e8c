import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Wait } from './wait.js';
import { waitText } from './wait-text.js';
import { WaitWatch, type WaitWatchOptions } from './wait-watch.js';

const AFTER_MS = 20;
const name = { service: 'data loader', what: 'batches' };

function watching(options: Partial<WaitWatchOptions> = {}) {
  const told: string[] = [];
  const waits: Wait[] = [];
  const watch = new WaitWatch({
    ...{ afterMs: AFTER_MS, logger: pino({ level: 'silent' }) },
    onWait: (wait) => {
      waits.push(wait);
      told.push(`waits for ${wait.service}`);
    },
    onEnd: (wait) => void told.push(`goes on with ${wait.service}`),
    ...options,
  });
  return { watch, told, waits };
}

/** Something that comes when it is let go. */
function held<T>(value: T) {
  let release = () => {};
  const promise = new Promise<T>((resolve) => {
    release = () => resolve(value);
  });
  return { promise, release };
}

describe('a wait', () => {
  it('that is short is not told of, and gives what came', async () => {
    const { watch, told } = watching({ afterMs: 10_000 });
    expect(await watch.during(name, async () => 7)).toBe(7);
    await watch.settle();
    expect(told).toEqual([]);
    expect(watch.current).toEqual([]);
  });

  it('that lasts is told of with its failures, then its end', async () => {
    const { watch, told, waits } = watching();
    const { promise, release } = held(7);
    const result = watch.during(
      name,
      () => promise,
      () => ({ retries: 3, lastError: 'no connection' }),
    );
    await vi.waitFor(() => expect(told).toContain('waits for data loader'));
    const [wait] = waits;
    expect(wait).toMatchObject({ ...name, retries: 3, lastError: 'no connection' });
    expect(Date.parse(wait!.since)).toBeLessThanOrEqual(Date.now());
    expect(watch.current).toMatchObject([name]);
    release();
    expect(await result).toBe(7);
    await watch.settle();
    expect(told.at(-1)).toBe('goes on with data loader');
    expect(told.filter((line) => line.startsWith('goes on'))).toHaveLength(1);
    expect(watch.current).toEqual([]);
  });

  it('is told of again while it goes on, with what is known by then', async () => {
    const { watch, waits } = watching();
    let retries = 0;
    const { promise, release } = held(0);
    const result = watch.during(
      name,
      () => promise,
      () => ({ retries: ++retries }),
    );
    await vi.waitFor(() => expect(waits.length).toBeGreaterThan(1));
    expect(waits.map((wait) => wait.retries).slice(0, 2)).toEqual([1, 2]);
    expect(waits[1]!.since).toBe(waits[0]!.since);
    release();
    await result;
  });

  it('ends too where what was waited for fails, and fails the same', async () => {
    const { watch, told } = watching();
    const failing = watch.during(name, async () => {
      await vi.waitFor(() => expect(told).toContain('waits for data loader'));
      throw new Error('gone');
    });
    await expect(failing).rejects.toThrow('gone');
    await watch.settle();
    expect(told.at(-1)).toBe('goes on with data loader');
  });

  it('says what is found out about the service', async () => {
    const diagnose = async () => ({ address: '127.0.0.1:1', answer: 'silent' }) as const;
    const { watch, waits } = watching({ diagnose });
    const { promise, release } = held(0);
    const result = watch.during(name, () => promise);
    await vi.waitFor(() => expect(waits.length).toBeGreaterThan(0));
    expect(waits[0]).toMatchObject({ address: '127.0.0.1:1', answer: 'silent' });
    release();
    await result;
  });

  it('is told of once where several wait for the same', async () => {
    const { watch, told } = watching();
    const { promise, release } = held(0);
    const other = { service: 'teacher', what: 'logits' };
    const all = [name, name, other, name].map((each) => watch.during(each, () => promise));
    await vi.waitFor(() => expect(told).toContain('waits for teacher'));
    expect(watch.current).toMatchObject([name, other]);
    release();
    await Promise.all(all);
    await watch.settle();
    expect(told.filter((line) => line.startsWith('goes on')).sort()).toEqual([
      'goes on with data loader',
      'goes on with teacher',
    ]);
  });

  it('that ended while the service was asked is not told of', async () => {
    const asked = held({ answer: 'answers' } as const);
    let isAsked = false;
    const diagnose = () => {
      isAsked = true;
      return asked.promise;
    };
    const { watch, told } = watching({ diagnose });
    await watch.during(name, () => vi.waitFor(() => expect(isAsked).toBe(true)));
    asked.release();
    await watch.settle();
    expect(told).toEqual([]);
  });

  it('is not told of where it is as long as usual', async () => {
    const { watch, told } = watching();
    const before = told.length;
    const usual = { service: 'compute thread', what: 'step' };
    await watch.during(usual, () => sleep(20 * AFTER_MS));
    await watch.settle();
    const once = told.length;
    expect(once).toBeGreaterThan(before);
    await watch.during(usual, () => sleep(2 * AFTER_MS));
    await watch.settle();
    expect(told.length).toBe(once);
  });

  it('does not suffer where it cannot be told of', async () => {
    const onWait = async () => {
      throw new Error('the bus is away');
    };
    const { watch } = watching({ onWait });
    expect(await watch.during(name, () => sleep(3 * AFTER_MS, 7))).toBe(7);
    await watch.settle();
  });
});

describe('a wait in words', () => {
  it.each([
    [{ retries: 0 }, 'for the data loader (batches)'],
    [
      { retries: 0, answer: 'silent' },
      'for the data loader (batches), which does not answer: its process hangs, or was stopped',
    ],
    [
      { retries: 1, answer: 'absent', lastError: 'no\nconnection' },
      'for the data loader (batches), which cannot be reached; 1 retry, the last error: no; connection',
    ],
    [
      { retries: 0, answer: 'answers', because: 'for the disk (images)' },
      'for the data loader (batches), which waits for the disk (images)',
    ],
  ] as const)('%o', (known, text) => {
    expect(waitText({ ...name, ...known })).toBe(text);
  });
});
