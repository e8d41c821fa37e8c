import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { resuming } from './resuming.js';

const gone = () => new RemoteError('/x', 'connection lost', { status: 'UNAVAILABLE' });

describe('resuming', () => {
  it('goes on after the last item, however often the server goes away', async () => {
    let opened = 0;
    async function* open(last: number | undefined) {
      opened++;
      for (let n = (last ?? -1) + 1; n < 10; n++) {
        yield n;
        if (n % 3 === 2) throw gone();
      }
    }
    const items: number[] = [];
    for await (const item of resuming(open)) items.push(item);
    expect(items).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(opened).toBe(4);
  });

  it('passes on an error that trying again does not mend, and one of a consumer that left', async () => {
    async function* damaged(): AsyncGenerator<number> {
      yield 1;
      throw new RemoteError('/x', 'a damaged image', { status: 'DATA_LOSS' });
    }
    const items: number[] = [];
    const read = async (signal?: AbortSignal) => {
      for await (const item of resuming(damaged, { signal })) items.push(item);
    };
    await expect(read()).rejects.toThrow('a damaged image');
    expect(items).toEqual([1]);
    const aborted = AbortSignal.abort();
    const lost = resuming(
      async function* (): AsyncGenerator<number> {
        yield 1;
        throw gone();
      },
      { signal: aborted },
    );
    await lost.next();
    await expect(lost.next()).rejects.toThrow('connection lost');
  });
});
