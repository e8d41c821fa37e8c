import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asRunId } from '../ids.js';
import { FileObjectStore } from '../storage/file-object-store.js';
import { writeCheckpoint } from './checkpoints.js';
import { bestCheckpoint, keepEvaluation, storedEvaluations } from './evaluations.js';
import { recordOf, wireMetrics } from './metrics.js';

const run = asRunId('r');
const parts = {
  'model.safetensors': Buffer.from('m'),
  'optimizer.safetensors': Buffer.from('o'),
  'history.json': Buffer.from('{}'),
};
const measured = { count: 2, nonFinite: 0, top1: 0, top5: 0, crossEntropy: 1, ece: 0 };

async function storeWith(evaluations: Readonly<Record<number, { top1: number; nonFinite?: number }>>) {
  const store = new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-evaluations-')));
  for (const [name, found] of Object.entries(evaluations)) {
    const step = Number(name);
    const rng = { generator: 'philox4x32-10', seed: 0, dataSeed: 0 } as const;
    const manifest = { step, totalSteps: 30, cursor: { epoch: step, step: 0 }, rng, attempt: 1, metrics: {} };
    await writeCheckpoint(store, run, manifest, parts);
    await keepEvaluation(store, run, { ...measured, ...found, step, epoch: step });
  }
  return store;
}

describe('the best checkpoint', () => {
  it('is the one with the best top-1, the first of equals', async () => {
    const store = await storeWith({ 1: { top1: 0.1 }, 2: { top1: 0.3 }, 10: { top1: 0.3 } });
    expect(await bestCheckpoint(store, run)).toBe(2);
    expect((await storedEvaluations(store, run)).map(({ step }) => step)).toEqual([1, 2, 10]);
  });

  it('is never one whose logits were not finite', async () => {
    const store = await storeWith({ 1: { top1: 0.1 }, 2: { top1: 0.9, nonFinite: 1 } });
    expect(await bestCheckpoint(store, run)).toBe(1);
    expect(await bestCheckpoint(await storeWith({ 2: { top1: 0.9, nonFinite: 2 } }), run)).toBeUndefined();
  });
});

describe('metrics', () => {
  it('keep in JSON what JSON has no number for', () => {
    const wire = { ...measured, crossEntropy: Number.NaN, ece: Number.POSITIVE_INFINITY, teacherKl: Number.NaN };
    const kept = JSON.parse(JSON.stringify(recordOf(wire)));
    expect(kept).toEqual({ ...measured, crossEntropy: 'NaN', ece: 'Infinity', teacherKl: 'NaN' });
    expect(wireMetrics(kept)).toEqual({ ...wire, agreement: undefined, teacherTop1: undefined });
  });
});
