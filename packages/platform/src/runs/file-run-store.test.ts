import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asRunId } from '../ids.js';
import { FileRunStore } from './file-run-store.js';
import type { RunRecord } from './run-record.js';
import { changeRun, RevisionConflictError } from './run-store.js';

interface Recipe {
  readonly model: string;
}

const record = (name: string, createdAt: string): RunRecord<Recipe> => ({
  id: asRunId(name),
  name,
  requestId: name,
  state: 'queued',
  recipe: { model: 'resnet8' },
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

function parseRecipe(value: unknown): Recipe {
  const { model } = Object(value);
  if (model !== 'resnet8') throw new Error(`model: expected resnet8 (found ${model})`);
  return { model };
}

async function newStore(): Promise<FileRunStore<Recipe>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mcld-runs-'));
  return new FileRunStore(folder, parseRecipe);
}

const a = asRunId('a');

describe('FileRunStore', () => {
  it('changes by compare-and-set: no update is lost', async () => {
    const store = await newStore();
    await store.create(record('a', '2026-01-01'));
    await expect(store.create(record('a', '2026-01-01'))).rejects.toBeInstanceOf(RevisionConflictError);
    await expect(store.update(record('a', '2026-01-01'), 7)).rejects.toBeInstanceOf(RevisionConflictError);
    await Promise.all(Array.from({ length: 10 }, () => changeRun(store, a, (r) => ({ ...r, attempt: r.attempt + 1 }))));
    expect((await store.get(a))?.record.attempt).toBe(10);
  });

  it('lists the newest first', async () => {
    const store = await newStore();
    await store.create(record('a', '2026-01-01'));
    await store.create(record('b', '2026-01-02'));
    expect((await store.list()).records.map(({ id }) => id)).toEqual(['b', 'a']);
  });

  it('keeps what another build noted in a record', async () => {
    const store = await newStore();
    await store.create({ ...record('a', '2026-01-01'), ...{ priority: 3 } });
    await changeRun(store, a, (r) => ({ ...r, attempt: 1 }));
    expect((await store.get(a))?.record).toEqual({
      ...record('a', '2026-01-01'),
      priority: 3,
      attempt: 1,
      updatedAt: expect.any(String),
    });
  });

  it.each([
    ['is torn', (text: string) => text.slice(0, 40), 'it is not JSON'],
    ['lacks a field', (text: string) => text.replace('"name"', '"nome"'), 'name: Invalid input: expected string'],
    ['has a state that is not known', (text: string) => text.replace('queued', 'asleep'), 'state: Invalid option'],
    ['has an older recipe', (text: string) => text.replace('resnet8', 'lenet'), 'recipe: model: expected resnet8'],
  ])('names a record that %s, and lists the others', async (_title, damage, message) => {
    const store = await newStore();
    await store.create(record('a', '2026-01-01'));
    await store.create(record('b', '2026-01-02'));
    const file = path.join(store.folder, 'a.json');
    await writeFile(file, damage(await readFile(file, 'utf8')));
    await expect(store.get(a)).rejects.toThrow(`${file} cannot be read: ${message}`);
    const { records, unreadable } = await store.list();
    expect(records.map(({ id }) => id)).toEqual(['b']);
    expect(unreadable.map((error) => error.message)).toEqual([expect.stringContaining(message)]);
  });
});
