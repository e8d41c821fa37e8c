import { createHash } from 'node:crypto';
import { McldError } from '@mcld/errors/mcld-error.js';
import { z } from 'zod';
import { DocumentError, getDocument } from '../documents.js';
import type { RunId } from '../ids.js';
import { checkpointPrefix, checkpointsPrefix } from '../object-keys.js';
import { ObjectExistsError, type ObjectStore, putJson } from '../storage/object-store.js';

const partSchema = z.object({ sha256: z.string(), size: z.int() });

const manifestSchema = z.object({
  version: z.literal(1),
  step: z.int().min(0),
  totalSteps: z.int().min(1),
  /** The next batch: what a resume begins with. */
  cursor: z.object({ epoch: z.int().min(0), step: z.int().min(0) }),
  rng: z.object({ generator: z.literal('philox4x32-10'), seed: z.int(), dataSeed: z.int() }),
  parts: z.object({ 'model.safetensors': partSchema, 'optimizer.safetensors': partSchema, 'history.json': partSchema }),
  attempt: z.int().min(1),
  metrics: z.record(z.string(), z.number()),
  createdAt: z.string(),
});

/** Describes a checkpoint, and by being there makes it exist. */
export type Manifest = z.output<typeof manifestSchema>;

/** Thrown when a checkpoint cannot be written or read as it should be. */
export class CheckpointError extends McldError {
  static override readonly meaning = { status: 'DATA_LOSS', reason: 'CHECKPOINT' } as const;
}

/** Thrown when a newer attempt has taken a run over: the service that works on the older one must stop. */
export class FencedError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'FENCED' } as const;
}

type PartName = keyof Manifest['parts'];

export type CheckpointParts = Readonly<Record<PartName, Uint8Array>>;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Writes the parts, then the manifest, once.
 * @throws FencedError when a newer attempt wrote this step's manifest
 */
export async function writeCheckpoint(
  store: ObjectStore,
  run: RunId,
  manifest: Omit<Manifest, 'version' | 'parts' | 'createdAt'>,
  parts: CheckpointParts,
): Promise<void> {
  const prefix = checkpointPrefix(run, manifest.step);
  const existing = await readManifest(store, run, manifest.step);
  if (existing && existing.attempt > manifest.attempt) throw fenced(run, existing);
  // A resumed run that comes by a step again has the same bytes to write: nothing to do.
  if (existing && (await readParts(store, run, existing).catch(() => undefined))) return;
  const put = async (name: PartName) => {
    const body = parts[name];
    await store.put(`${prefix}${name}`, body);
    return { sha256: sha256(body), size: body.byteLength };
  };
  const described = {
    'model.safetensors': await put('model.safetensors'),
    'optimizer.safetensors': await put('optimizer.safetensors'),
    'history.json': await put('history.json'),
  };
  const whole: Manifest = { version: 1, ...manifest, parts: described, createdAt: new Date().toISOString() };
  try {
    // A damaged checkpoint is replaced; otherwise the first manifest stays.
    await putJson(store, `${prefix}manifest.json`, whole, { ifAbsent: existing === undefined });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    const winner = await readManifest(store, run, manifest.step);
    if (winner && winner.attempt > manifest.attempt) throw fenced(run, winner);
  }
}

function fenced(run: RunId, { attempt }: Manifest): FencedError {
  return new FencedError(`run ${run} was taken over by attempt ${attempt}`);
}

/** @returns undefined where there is none, or a torn one, which counts as none */
function readManifest(store: ObjectStore, run: RunId, step: number): Promise<Manifest | undefined> {
  return getDocument(store, `${checkpointPrefix(run, step)}manifest.json`, manifestSchema).catch((error) => {
    if (error instanceof DocumentError) return undefined;
    throw error;
  });
}

/** Steps that have a manifest, in rising order. */
export async function listCheckpoints(store: ObjectStore, run: RunId): Promise<number[]> {
  const prefix = checkpointsPrefix(run);
  const keys = await store.list(prefix);
  return keys.flatMap((key) => {
    const [step, file] = key.slice(prefix.length).split('/');
    return file === 'manifest.json' ? [Number(step)] : [];
  });
}

export interface Checkpoint {
  readonly manifest: Manifest;
  readonly parts: CheckpointParts;
}

/** A checkpoint, every part verified. @throws CheckpointError naming what is missing or differs */
export async function readCheckpoint(store: ObjectStore, run: RunId, step: number): Promise<Checkpoint> {
  const manifest = await readManifest(store, run, step);
  if (!manifest) throw new CheckpointError(`run ${run} has no checkpoint at step ${step}`);
  return { manifest, parts: await readParts(store, run, manifest) };
}

async function readParts(store: ObjectStore, run: RunId, manifest: Manifest): Promise<CheckpointParts> {
  const read = async (name: PartName): Promise<Uint8Array> => {
    const expected = manifest.parts[name];
    const key = `${checkpointPrefix(run, manifest.step)}${name}`;
    const body = await store.get(key);
    if (!body) throw new CheckpointError(`${key} is missing`);
    const digest = sha256(body);
    if (digest !== expected.sha256) {
      throw new CheckpointError(`${key} is damaged: sha256 ${digest}, its manifest says ${expected.sha256}`);
    }
    return body;
  };
  const [model, optimizer, history] = await Promise.all([
    read('model.safetensors'),
    read('optimizer.safetensors'),
    read('history.json'),
  ]);
  return { 'model.safetensors': model, 'optimizer.safetensors': optimizer, 'history.json': history };
}

/**
 * The newest checkpoint that is whole; damaged ones are reported and passed over. A run in training may prune one while
 * it is read: then it has written another.
 * @param onDamage called with each CheckpointError on the way
 */
export async function newestCheckpoint(
  store: ObjectStore,
  run: RunId,
  onDamage: (error: CheckpointError) => void,
): Promise<Checkpoint | undefined> {
  const tried = new Set<number>();
  for (;;) {
    const steps = (await listCheckpoints(store, run)).filter((step) => !tried.has(step));
    if (steps.length === 0) return undefined;
    for (const step of steps.reverse()) {
      tried.add(step);
      try {
        return await readCheckpoint(store, run, step);
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        onDamage(error);
      }
    }
  }
}

/** Deletes a checkpoint: its manifest first, so that none is left half deleted. */
export async function deleteCheckpoint(store: ObjectStore, run: RunId, step: number): Promise<void> {
  const prefix = checkpointPrefix(run, step);
  await store.delete(`${prefix}manifest.json`);
  await store.deleteAll(prefix);
}
