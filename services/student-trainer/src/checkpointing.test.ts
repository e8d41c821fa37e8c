import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WeightMismatchError } from '@mcld/models/layers/state-dict.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { RunEvent } from '@mcld/platform/bus/events.js';
import { LocalBus } from '@mcld/platform/bus/local-bus.js';
import { DocumentError } from '@mcld/platform/documents.js';
import { asRunId } from '@mcld/platform/ids.js';
import { createLogger } from '@mcld/platform/logging.js';
import { FencedError, listCheckpoints, readCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { FileRunStore } from '@mcld/platform/runs/file-run-store.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Checkpointing } from './checkpointing.js';
import { TrainingHistory } from './history.js';
import { claimRun } from './run-claim.js';
import { RunEvents } from './run-events.js';
import { RunPlan } from './run-plan.js';
import type { Student } from './student.js';

const id = asRunId('r');
const recipe = parseRecipe({
  ...{ name: 'r', dataset: { name: 'cifar-100', root: '.' }, model: 'resnet8', distiller: { name: 'ce' } },
  ...{ batchSize: 8, epochs: 3, seed: 5, checkpoint: { keepLast: 1 } },
});
const plan = new RunPlan(recipe, 32);

let folder: string;
let objects: FileObjectStore;
let runs: FileRunStore<unknown>;
let bus: LocalBus;
let record: RunRecord;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mcld-checkpointing-'));
  objects = new FileObjectStore(path.join(folder, 'store'));
  runs = new FileRunStore(path.join(folder, 'records'), (value) => value);
  bus = new LocalBus();
  await runs.create({
    ...{ id, name: 'r', requestId: 'q', state: 'queued', recipe: {}, createdAt: '', updatedAt: '', step: 0 },
    ...{ totalSteps: 12, attempt: 0, submissions: 1, error: '', teacherDigest: '', trace: {} },
  });
  record = (await claimRun(runs, id)) as RunRecord;
});

afterEach(() => rm(folder, { recursive: true }));

type Snapshot = Awaited<ReturnType<Student['snapshot']>>;
const state: Snapshot = { model: Buffer.from('model'), optimizer: Buffer.from('optimizer') };

function checkpointing({ snapshot = state, top1 = {} }: { snapshot?: Snapshot; top1?: Record<number, number> } = {}) {
  const adapters = { objects, runs, events: bus, work: bus } as unknown as Adapters<Recipe>;
  const metrics = {
    of: async (_: unknown, step: number) => (top1[step] === undefined ? undefined : { top1: top1[step], nonFinite: 0 }),
  };
  const student = { snapshot: async () => snapshot } as unknown as Student;
  const run = { recipe, plan, history: TrainingHistory.empty(), student, checkpoint: undefined };
  const logger = createLogger('test', 'silent');
  const waits = new WaitWatch({ afterMs: 10_000, logger });
  return new Checkpointing({ adapters, metrics, logger }, record, run, new RunEvents(bus, id), waits);
}

async function events(): Promise<RunEvent[]> {
  const told: RunEvent[] = [];
  for await (const event of bus.watch(id, AbortSignal.timeout(5000), { live: false })) told.push(event);
  return told;
}

describe('checkpointing', () => {
  it('writes the state with all that a later attempt begins with, and says so', async () => {
    const checkpoints = checkpointing();
    await checkpoints.write(6);
    const { manifest, parts } = await readCheckpoint(objects, id, 6);
    const rng = { generator: 'philox4x32-10', seed: 5, dataSeed: 5 };
    expect(manifest).toMatchObject({ step: 6, totalSteps: 12, cursor: { epoch: 1, step: 2 }, attempt: 1, rng });
    expect(Buffer.from(parts['model.safetensors']).toString()).toBe('model');
    expect(checkpoints.newest).toBe(6);
    expect(await events()).toMatchObject([
      { kind: 'checkpoint', data: { step: 6, totalSteps: 12, epoch: 1.5, epochSummary: null } },
    ]);
  });

  it('keeps the last one and the best by the metrics that it is given', async () => {
    const checkpoints = checkpointing({ top1: { 4: 0.3, 8: 0.2 } });
    for (const step of [4, 8, 12]) await checkpoints.write(step);
    expect(await listCheckpoints(objects, id)).toEqual([4, 12]);
  });

  it('keeps all where a result cannot be read, and the run goes on', async () => {
    const { parts, run, events, waits } = checkpointing();
    const damaged = { of: () => Promise.reject(new DocumentError('evaluation-4.json cannot be read')) };
    const checkpoints = new Checkpointing({ ...parts, metrics: damaged }, record, run, events, waits);
    for (const step of [4, 8, 12]) await checkpoints.write(step);
    expect(await listCheckpoints(objects, id)).toEqual([4, 8, 12]);
  });

  it('writes nothing of a run that another attempt has', async () => {
    const checkpoints = checkpointing();
    await claimRun(runs, id);
    await expect(checkpoints.write(4)).rejects.toThrow(FencedError);
    expect(await listCheckpoints(objects, id)).toEqual([]);
    expect(await events()).toEqual([]);
  });

  it('writes nothing of a student that diverged, and names the checkpoint that is left', async () => {
    const checkpoints = checkpointing();
    await checkpoints.write(4);
    const student = { snapshot: () => Promise.reject(new WeightMismatchError('conv1.weight holds NaN')) };
    const later = new Checkpointing(
      checkpoints.parts,
      record,
      { ...checkpoints.run, checkpoint: 4, student: student as unknown as Student },
      checkpoints.events,
      checkpoints.waits,
    );
    await expect(later.write(8)).rejects.toThrow(
      'the student diverged at step 8: conv1.weight holds NaN; the newest checkpoint is of step 4',
    );
    expect(await listCheckpoints(objects, id)).toEqual([4]);
  });

  it('is due as often as the recipe says, and at the end', () => {
    const every = { ...recipe, checkpoint: { ...recipe.checkpoint, everyEpochs: 2 } };
    const checkpoints = checkpointing();
    const { parts, run, events, waits } = checkpoints;
    const rare = new Checkpointing(parts, record, { ...run, recipe: every }, events, waits);
    expect([1, 2, 3].map((epoch) => rare.isDue(epoch))).toEqual([false, true, true]);
  });
});
