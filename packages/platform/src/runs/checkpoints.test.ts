import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { asRunId } from '../ids.js';
import { FileObjectStore } from '../storage/file-object-store.js';
import { deleteCheckpoint, FencedError, listCheckpoints, newestCheckpoint, writeCheckpoint } from './checkpoints.js';
import { pruneCheckpoints } from './retention.js';

const run = asRunId('r-1');
let store: FileObjectStore;

beforeEach(async () => {
  store = new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-checkpoints-')));
});

const parts = (text: string) => ({
  'model.safetensors': Buffer.from(`model ${text}`),
  'optimizer.safetensors': Buffer.from(`optimizer ${text}`),
  'history.json': Buffer.from('{}'),
});

const write = (step: number, attempt = 1, text = String(step)) =>
  writeCheckpoint(
    store,
    run,
    {
      step,
      totalSteps: 100,
      cursor: { epoch: 0, step },
      rng: { generator: 'philox4x32-10', seed: 0, dataSeed: 0 },
      attempt,
      metrics: {},
    },
    parts(text),
  );

const fileOf = (step: number, name: string) =>
  path.join(store.folder, 'runs', run, 'checkpoints', String(step).padStart(12, '0'), name);

describe('checkpoints', () => {
  it('fall back to the one before when the newest is damaged, loudly', async () => {
    await write(10);
    await write(20);
    const file = fileOf(20, 'model.safetensors');
    const bytes = await readFile(file);
    bytes[3]! ^= 1;
    await writeFile(file, bytes);
    const damage: string[] = [];
    const found = await newestCheckpoint(store, run, (error) => damage.push(error.message));
    expect(found?.manifest.step).toBe(10);
    expect(damage).toHaveLength(1);
    expect(damage[0]).toMatch(/model\.safetensors is damaged: sha256 /);
  });

  it('do not exist without a manifest, and a torn manifest counts as none', async () => {
    await write(10);
    await store.put('runs/r-1/checkpoints/000000000020/model.safetensors', Buffer.from('x'));
    expect(await listCheckpoints(store, run)).toEqual([10]);
    await write(30);
    await writeFile(fileOf(30, 'manifest.json'), '{"version": 1, "st');
    expect((await newestCheckpoint(store, run, () => {}))?.manifest.step).toBe(10);
  });

  it('are written again over a damaged one, but not over a whole one', async () => {
    await write(10, 1, 'first');
    await write(10, 2, 'second');
    expect(Buffer.from((await newestCheckpoint(store, run, () => {}))!.parts['model.safetensors']).toString()).toBe(
      'model first',
    );
    await writeFile(fileOf(10, 'model.safetensors'), 'broken');
    await write(10, 2, 'second');
    expect(Buffer.from((await newestCheckpoint(store, run, () => {}))!.parts['model.safetensors']).toString()).toBe(
      'model second',
    );
  });

  it('are found when the only one is pruned while it is read', async () => {
    await write(10);
    const get = store.get.bind(store);
    vi.spyOn(store, 'get').mockImplementation(async (key) => {
      if (key.includes('000000000010/model')) {
        await write(20);
        await deleteCheckpoint(store, run, 10);
      }
      return get(key);
    });
    expect((await newestCheckpoint(store, run, () => {}))?.manifest.step).toBe(20);
  });

  it('fence off an older attempt', async () => {
    await write(10, 3);
    await expect(write(10, 2)).rejects.toBeInstanceOf(FencedError);
  });

  it('are pruned to the last ones and the best', async () => {
    for (const step of [10, 20, 30, 40]) await write(step);
    const metrics = { of: async (_: unknown, step: number) => ({ top1: 1 / step, nonFinite: 0 }) };
    expect(await pruneCheckpoints(store, metrics, run, { keepLast: 2 })).toEqual([20]);
    expect(await listCheckpoints(store, run)).toEqual([10, 30, 40]);
    const folders = await readdir(path.join(store.folder, 'runs/r-1/checkpoints'));
    expect(folders.map(Number).sort()).toEqual([10, 30, 40]);
  });
});
