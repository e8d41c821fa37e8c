import { describe, expect, it } from 'vitest';
import { LeasePool } from './leases.js';

interface Thing {
  readonly key: string;
}

function poolOf(open = async (key: string): Promise<Thing> => ({ key })) {
  const opened: string[] = [];
  const closed: string[] = [];
  const errors: unknown[] = [];
  const pool = new LeasePool<Thing>({
    idle: 2,
    open: (key) => {
      opened.push(key);
      return open(key);
    },
    async close({ key }) {
      closed.push(key);
      if (key === 'stuck') throw new Error('does not close');
    },
    onCloseError: (error) => errors.push(error),
  });
  const touch = async (key: string) => {
    using lease = await pool.lease(key);
    return lease.value;
  };
  return { pool, touch, opened, closed, errors };
}

describe('a pool of leases', () => {
  it('opens a value once for all who ask while it is being opened', async () => {
    const { pool, opened } = poolOf();
    const [first, second] = await Promise.all([pool.lease('a'), pool.lease('a')]);
    expect(first.value).toBe(second.value);
    expect(opened).toEqual(['a']);
  });

  it('keeps the values used last, and closes the one not used for longest', async () => {
    const { touch, opened, closed } = poolOf();
    for (const key of ['a', 'b', 'a', 'c', 'a']) await touch(key);
    expect(closed).toEqual(['b']);
    expect(opened).toEqual(['a', 'b', 'c']);
  });

  it('never closes what is in use, however many others come by', async () => {
    const { pool, touch, opened, closed } = poolOf();
    const lease = await pool.lease('used');
    for (const key of ['a', 'b', 'c', 'd', 'used']) await touch(key);
    expect(closed).toEqual(['a', 'b']);
    lease[Symbol.dispose]();
    for (const key of ['e', 'f']) await touch(key);
    expect(closed).toEqual(['a', 'b', 'c', 'd', 'used']);
    expect(opened.filter((key) => key === 'used')).toEqual(['used']);
  });

  it('counts a lease that is returned twice once', async () => {
    const { pool, touch, closed } = poolOf();
    const [first] = [await pool.lease('a'), await pool.lease('a')];
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    for (const key of ['b', 'c', 'd']) await touch(key);
    expect(closed).toEqual(['b']);
  });

  it('tries again to open what failed, and fails all who waited for it', async () => {
    let attempts = 0;
    const { pool, touch } = poolOf(async (key) => {
      attempts++;
      if (attempts === 1) throw new Error('not yet');
      return { key };
    });
    const both = await Promise.allSettled([pool.lease('a'), pool.lease('a')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(touch('a')).resolves.toEqual({ key: 'a' });
    expect(attempts).toBe(2);
  });

  it('closes what is idle, in use and being opened at the end, and tells of what does not close', async () => {
    const { pool, touch, closed, errors } = poolOf();
    await touch('idle');
    await pool.lease('stuck');
    const opening = pool.lease('opening');
    await pool.close();
    await opening;
    expect(closed.sort()).toEqual(['idle', 'opening', 'stuck']);
    expect(errors).toEqual([new Error('does not close')]);
  });
});
