import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asRunId } from '../ids.js';
import { FileRunStore } from './file-run-store.js';
import type { RunRecord } from './run-record.js';
import { changeRun, RevisionConflictError } from './run-store.js';

const record = (name: string, createdAt: string): RunRecord => ({
  id: asRunId(name),
  name,
  requestId: name,
  state: 'queued',
  recipe: {},
  createdAt,
  updatedAt: createdAt,
  step: 0,
  totalSteps: 0,
  attempt: 0,
  submissions: 1,
  error: '',
  teacherDigest: '',
  trace: {},
});

const scratch = () => mkdtemp(path.join(tmpdir(), 'mcld-runs-'));

describe('FileRunStore', () => {
  it('changes by compare-and-set: no update is lost', async () => {
    const store = new FileRunStore(await scratch());
    await store.create(record('a', '2026-01-01'));
    await expect(store.create(record('a', '2026-01-01'))).rejects.toBeInstanceOf(RevisionConflictError);
    await expect(store.update(record('a', '2026-01-01'), 7)).rejects.toBeInstanceOf(RevisionConflictError);
    const id = asRunId('a');
    await Promise.all(
      Array.from({ length: 10 }, () => changeRun(store, id, (r) => ({ ...r, attempt: r.attempt + 1 }))),
    );
    expect((await store.get(id))?.record.attempt).toBe(10);
  });

  it('lists the newest first', async () => {
    const store = new FileRunStore(await scratch());
    await store.create(record('a', '2026-01-01'));
    await store.create(record('b', '2026-01-02'));
    expect((await store.list()).map(({ id }) => id)).toEqual(['b', 'a']);
  });
});
