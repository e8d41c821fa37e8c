import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asRunId } from '@mcld/platform/ids.js';
import { FencedError } from '@mcld/platform/runs/checkpoints.js';
import { FileRunStore } from '@mcld/platform/runs/file-run-store.js';
import type { RunRecord, RunState } from '@mcld/platform/runs/run-record.js';
import { changeRun } from '@mcld/platform/runs/run-store.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertClaimed, CancelledError, claimRun, releaseRun } from './run-claim.js';

const id = asRunId('r');
let folder: string;
let runs: FileRunStore<unknown>;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mcld-claim-'));
  runs = new FileRunStore(folder, (recipe) => recipe);
});

afterEach(() => rm(folder, { recursive: true }));

const create = (state: RunState, attempt = 0) =>
  runs.create({
    ...{ id, name: 'r', requestId: 'q', state, recipe: {}, createdAt: '', updatedAt: '', step: 0, totalSteps: 10 },
    ...{ attempt, submissions: 1, error: 'an older failure', teacherDigest: '', trace: {} },
  });

const stored = async () => (await runs.get(id))!.record;
const claimed = async () => (await claimRun(runs, id)) as RunRecord;

describe('claiming a run', () => {
  it.each(['queued', 'interrupted', 'training'] as const)('that is %s counts the attempt up', async (state) => {
    await create(state, 2);
    expect(await claimed()).toMatchObject({ state: 'training', attempt: 3, error: '' });
    expect(await stored()).toMatchObject({ state: 'training', attempt: 3, error: '' });
  });

  it.each(['evaluating', 'succeeded', 'failed', 'cancelled'] as const)(
    'that is %s finds nothing to do',
    async (state) => {
      await create(state, 2);
      expect(await claimRun(runs, id)).toBeUndefined();
      expect(await stored()).toMatchObject({ state, attempt: 2 });
    },
  );

  it('that is gone finds nothing to do', async () => {
    expect(await claimRun(runs, id)).toBeUndefined();
  });

  it('twice at the same time makes two attempts, of which the older one is fenced off', async () => {
    await create('queued');
    const [a, b] = await Promise.all([claimed(), claimed()]);
    const [older, newer] = a.attempt < b.attempt ? [a, b] : [b, a];
    expect([older.attempt, newer.attempt]).toEqual([1, 2]);
    await expect(assertClaimed(runs, older)).rejects.toThrow(new FencedError('run r was taken over by attempt 2'));
    await expect(assertClaimed(runs, newer)).resolves.toBeUndefined();
  });
});

describe('a claim', () => {
  it('ends when the run is cancelled, deleted or queued again', async () => {
    await create('queued');
    const record = await claimed();
    await changeRun(runs, id, (found) => ({ ...found, state: 'cancelled' }));
    await expect(assertClaimed(runs, record)).rejects.toThrow(CancelledError);
    await changeRun(runs, id, (found) => ({ ...found, state: 'queued' }));
    await expect(assertClaimed(runs, record)).rejects.toThrow(new FencedError('run r is queued again'));
    await runs.delete(id);
    await expect(assertClaimed(runs, record)).rejects.toThrow(CancelledError);
  });

  it('is given back by its holder alone', async () => {
    await create('queued');
    const older = await claimed();
    const newer = await claimed();
    await releaseRun(runs, older);
    expect((await stored()).state).toBe('training');
    await releaseRun(runs, newer);
    expect((await stored()).state).toBe('interrupted');
  });

  it('that is given back after a cancellation leaves the run cancelled', async () => {
    await create('queued');
    const record = await claimed();
    await changeRun(runs, id, (found) => ({ ...found, state: 'cancelled' }));
    await releaseRun(runs, record);
    expect((await stored()).state).toBe('cancelled');
  });
});
