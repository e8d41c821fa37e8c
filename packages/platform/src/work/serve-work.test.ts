import { setTimeout as sleep } from 'node:timers/promises';
import { McldError } from '@mcld/errors/mcld-error.js';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Delivery, WorkItem } from '../bus/events.js';
import { LocalBus } from '../bus/local-bus.js';
import { asRunId } from '../ids.js';
import { ObjectStoreError } from '../storage/object-store.js';
import { attemptsFor, defaultRetryPolicy, pauseAfter } from './retry-policy.js';
import { type Job, type Retry, serveWork, type Work } from './serve-work.js';

const run = asRunId('r');
const silent = pino({ level: 'silent' });
const policy = { ...defaultRetryPolicy, maxAttempts: 3, firstPauseMs: 4, factor: 2, longestPauseMs: 5, heartbeatMs: 5 };
const away = new ObjectStoreError('the store is away');

const servers: { stop(): Promise<void> }[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

/** Serves work of a bus; `job` gets the item's step and how often it was begun. */
function serving(
  bus: LocalBus,
  job: (step: number, times: number) => Job | undefined,
  changes: Partial<Work<WorkItem>> = {},
) {
  const settled: string[] = [];
  const times = new Map<number, number>();
  const work: Work<WorkItem> = {
    name: 'train',
    policy,
    async *take(signal) {
      for await (const delivery of bus.take('train', signal)) yield noting(delivery, settled);
    },
    about: ({ run, step = 0 }) => ({ run, step }),
    async begin({ step = 0 }) {
      times.set(step, (times.get(step) ?? 0) + 1);
      return job(step, times.get(step)!);
    },
    ...changes,
  };
  const server = serveWork(work, silent);
  servers.push(server);
  return { settled, server };
}

function noting(delivery: Delivery<WorkItem>, settled: string[]): Delivery<WorkItem> {
  const { step = 0 } = delivery.body;
  return {
    ...delivery,
    ack: async () => {
      settled.push(`ack ${step}`);
      await delivery.ack();
    },
    release: async (pauseMs) => {
      settled.push(`release ${step} ${pauseMs}`);
      await delivery.release(pauseMs);
    },
  };
}

const enqueue = (bus: LocalBus, ...steps: number[]) =>
  Promise.all(steps.map((step) => bus.enqueue('train', { run, step }, String(step))));

const done = async () => 'done' as const;
const failing = async () => {
  throw away;
};

describe('served work', () => {
  it('is acknowledged when it is done, and when there is nothing to do', async () => {
    const bus = new LocalBus();
    const { settled } = serving(bus, (step) => (step === 1 ? { run: done } : undefined));
    await enqueue(bus, 1, 2);
    await vi.waitFor(() => expect(settled).toEqual(['ack 1', 'ack 2']));
  });

  it('that fails for a passing reason rests and is tried again, then is given up', async () => {
    const bus = new LocalBus();
    const retries: Retry[] = [];
    const given: Error[] = [];
    const job: Job = {
      run: failing,
      willRetry: async (retry) => void retries.push(retry),
      gaveUp: async (error) => void given.push(error),
    };
    const { settled } = serving(bus, () => job);
    await enqueue(bus, 1);
    await vi.waitFor(() => expect(settled).toEqual(['release 1 4', 'release 1 5', 'ack 1']));
    expect(retries).toEqual([
      { error: away, next: 2, most: 3, pauseMs: 4 },
      { error: away, next: 3, most: 3, pauseMs: 5 },
    ]);
    expect(given).toEqual([away]);
  });

  it('that fails for another reason is given up at once', async () => {
    const bus = new LocalBus();
    const given: string[] = [];
    const fail = async () => {
      throw 'no error object';
    };
    const { settled } = serving(bus, () => ({ run: fail, gaveUp: async ({ message }) => void given.push(message) }));
    await enqueue(bus, 1);
    await vi.waitFor(() => expect(settled).toEqual(['ack 1']));
    expect(given).toEqual(['no error object']);
  });

  it('goes on with the next item whatever goes wrong with one', async () => {
    const bus = new LocalBus();
    const { settled } = serving(bus, (step, times) => {
      if (step === 1 && times === 1) throw new Error('cannot begin');
      if (step === 2) return { run: failing, willRetry: failing, gaveUp: failing };
      return { run: done };
    });
    await enqueue(bus, 1, 2, 3);
    await vi.waitFor(() => expect(settled).toEqual(expect.arrayContaining(['release 1 4', 'ack 3', 'ack 1'])));
    expect(settled).toContain('release 2 4');
    expect(settled).not.toContain('ack 2');
  });

  it('is asked for again when the queue itself fails', async () => {
    const bus = new LocalBus();
    let asked = 0;
    const { settled } = serving(bus, () => ({ run: done }), {
      async *take(signal) {
        if (++asked < 3) throw new Error('the queue is away');
        for await (const delivery of bus.take('train', signal)) yield noting(delivery, settled);
      },
    });
    await enqueue(bus, 1);
    await vi.waitFor(() => expect(settled).toEqual(['ack 1']));
    expect(asked).toBe(3);
  });

  it('tells the queue that it lives for as long as it takes, and no longer', async () => {
    let beats = 0;
    const settled: string[] = [];
    const delivery: Delivery<WorkItem> = {
      ...{ body: { run, step: 1 }, attempt: 1, context: {} },
      working: () => void beats++,
      ack: async () => void settled.push('ack'),
      release: async () => {},
    };
    serving(new LocalBus(), () => ({ run: () => vi.waitFor(() => expect(beats).toBeGreaterThan(2)).then(done) }), {
      async *take(signal) {
        yield delivery;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    });
    await vi.waitFor(() => expect(settled).toEqual(['ack']));
    const after = beats;
    await sleep(5 * policy.heartbeatMs);
    expect(beats).toBe(after);
  });

  it('is told when the service drains, given back unfinished, and no more is taken', async () => {
    const bus = new LocalBus();
    const begun: number[] = [];
    const untilStopped = (stopping: AbortSignal) =>
      new Promise<'unfinished'>((resolve) => stopping.addEventListener('abort', () => resolve('unfinished')));
    const { settled, server } = serving(bus, (step) => {
      begun.push(step);
      return { run: untilStopped };
    });
    await enqueue(bus, 1, 2);
    await vi.waitFor(() => expect(begun).toEqual([1]));
    await server.stop();
    expect(settled).toEqual(['release 1 0']);
    expect(begun).toEqual([1]);
  });
});

describe('a retry policy', () => {
  it('lets rests grow up to the longest', () => {
    const pauses = [1, 2, 3, 4, 5, 6].map((attempt) => pauseAfter(defaultRetryPolicy, attempt));
    expect(pauses).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(pauseAfter({ ...defaultRetryPolicy, factor: 1 }, 4)).toBe(2000);
  });

  it('tells a reason that may pass from one that will not', () => {
    expect(attemptsFor(defaultRetryPolicy, away)).toBe(5);
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    for (const error of [full, new Error('a bug')])
      expect(attemptsFor(defaultRetryPolicy, McldError.from(error))).toBe(1);
  });
});
