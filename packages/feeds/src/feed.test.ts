import { StreamBatchesRequest, StreamBatchesResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { BatchSpec, type Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { openBatches } from './batches.js';
import type { LoaderClient } from './clients.js';
import { cursorOf, START } from './cursors.js';
import { Feed, type FeedRetry } from './feed.js';
import { piecesOf } from './pieces.js';
import { StreamError } from './stream-error.js';

const gone = (message: string) => new RemoteError('/x', message, { status: 'UNAVAILABLE' });
const name = { what: 'numbers', service: 'counter' };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Counts from 0 to 4; told to wait, it does until it is let go, or aborted. */
function counter(failures: number) {
  let left = failures;
  return async function* count(last: number | undefined) {
    for (let n = (last ?? -1) + 1; n < 5; n++) {
      if (n === 2 && left-- > 0) throw gone('no connection');
      yield n;
    }
  };
}

/** A stream that says nothing until it is aborted. */
async function* silent(signal: AbortSignal): AsyncGenerator<number> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  yield 0;
}

describe('a feed', () => {
  it.each([0, 3])('goes on after its last item, %i fetched ahead, and tells of each retry', async (ahead) => {
    const retries: FeedRetry[] = [];
    const feed = new Feed(name, counter(2), { ahead, onRetry: (retry) => retries.push(retry) });
    const items: number[] = [];
    for await (const item of feed) items.push(item);
    expect(items).toEqual([0, 1, 2, 3, 4]);
    expect(retries.map(({ what, service, retries: count }) => [what, service, count])).toEqual([
      ['numbers', 'counter', 1],
      ['numbers', 'counter', 2],
    ]);
    expect(retries[0]!.error.message).toContain('no connection');
  });

  it('tells what its consumer waits for, and the failures behind it', async () => {
    const before = new Date();
    let shown: Feed<number>['waiting'];
    const feed = new Feed<number>(name, counter(2), {
      onRetry: () => {
        shown = feed.waiting;
      },
    });
    expect(feed.waiting).toBeUndefined();
    for (let i = 0; i < 3; i++) await feed.take();
    expect(shown).toMatchObject({ ...name, retries: 2 });
    expect(shown!.since.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(shown!.lastError).toContain('no connection');
    expect(feed.waiting).toBeUndefined();
    const silence = new Feed(name, (_, signal) => silent(signal));
    const next = silence.next();
    await turn();
    expect(silence.waiting).toMatchObject({ ...name, retries: 0, lastError: undefined });
    await silence.close();
    await expect(next).rejects.toThrow();
  });

  it('is an error where it ends too early for its consumer', async () => {
    const feed = new Feed(name, counter(0));
    for (let i = 0; i < 5; i++) expect(await feed.take()).toBe(i);
    await expect(feed.take()).rejects.toThrow('the counter ended its stream of numbers too early');
    await expect(feed.take()).rejects.toBeInstanceOf(StreamError);
  });

  it.each([0, 2])(
    'ends while an item is awaited, %i fetched ahead, by its signal or when it is closed',
    async (ahead) => {
      const stop = new AbortController();
      const stopped = new Feed(name, (_, signal) => silent(signal), { ahead, signal: stop.signal });
      const next = stopped.next();
      await turn();
      stop.abort(new Error('the run is over'));
      await expect(next).rejects.toThrow('the run is over');
      const closed = new Feed(name, (_, signal) => silent(signal), { ahead });
      const other = closed.next();
      await turn();
      await closed.close();
      await expect(other).rejects.toThrow('aborted');
    },
  );

  it('closes its source when its consumer leaves', async () => {
    let isClosed = false;
    const feed = new Feed(
      name,
      async function* () {
        try {
          yield* [1, 2, 3];
        } finally {
          isClosed = true;
        }
      },
      { ahead: 1 },
    );
    for await (const item of feed) if (item === 1) break;
    expect(isClosed).toBe(true);
  });
});

describe('batches', () => {
  const pixels = (step: number) => new Uint8Array(3_000_000).fill(step);

  /** A loader of 3 steps an epoch that goes away within the pieces of one batch, once. */
  function loader(cutAt: number) {
    const asked: Cursor[] = [];
    let hasFailed = false;
    const client: Pick<LoaderClient, 'streamBatches'> = {
      async *streamBatches(wanted) {
        const { from, epochs } = StreamBatchesRequest.fromPartial(wanted);
        asked.push(from!);
        for (let step = from!.epoch * 3 + from!.step; step < epochs * 3; step++) {
          for (const { bytes, ...part } of piecesOf(pixels(step))) {
            if (step === cutAt && part.offset > 0 && !hasFailed) {
              hasFailed = true;
              throw gone('no connection');
            }
            const labels = part.offset === 0 ? [step, step] : [];
            yield StreamBatchesResponse.create({
              cursor: cursorOf(step, 3),
              part,
              pixels: bytes,
              labels,
              ownShare: 0.7,
            });
          }
        }
      },
    };
    return { client, asked };
  }

  it('come whole from another replica where one goes away within a batch', async () => {
    const { client, asked } = loader(4);
    const request = { spec: BatchSpec.create(), from: START, epochs: 2, stepsPerEpoch: 3 };
    const seen: number[] = [];
    for await (const batch of openBatches(client, request)) {
      const step = seen.push(batch.labels[0]!) - 1;
      expect(batch).toMatchObject({ cursor: cursorOf(step, 3), ownShare: 0.7 });
      expect(Buffer.compare(batch.pixels, pixels(step))).toBe(0);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(asked).toEqual([START, { epoch: 1, step: 1 }]);
  });
});
