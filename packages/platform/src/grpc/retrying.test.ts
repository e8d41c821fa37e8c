import { describe, expect, it } from 'vitest';
import { RemoteError } from './remote-error.js';
import { type Retry, retrying } from './retrying.js';

const gone = () => new RemoteError('/x', 'connection lost', { status: 'UNAVAILABLE' });

describe('retrying', () => {
  it('calls again while the server is out of reach', async () => {
    let calls = 0;
    const answer = await retrying(async () => {
      if (++calls < 3) throw gone();
      return 'here';
    });
    expect([answer, calls]).toEqual(['here', 3]);
  });

  it('tells of each retry with its cause, its count and its pause', async () => {
    const retries: Retry[] = [];
    let calls = 0;
    await retrying(
      async () => {
        if (++calls < 3) throw gone();
      },
      { onRetry: (retry) => retries.push(retry) },
    );
    expect(retries.map(({ retries: count, pauseMs }) => [count, pauseMs])).toEqual([
      [1, 100],
      [2, 200],
    ]);
    expect(retries[0]!.error.message).toContain('connection lost');
  });
});
