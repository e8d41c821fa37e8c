/**
 * A process of digests.test.ts. `digest-child.js straight` trains every case to its end and prints the
 * snapshots' digests; `break FOLDER` keeps a snapshot of each case halfway and then trains on until it is
 * killed; `resume FOLDER` goes on from there to the end, and prints.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { Session, type Snapshot } from '@mcld/student-trainer/session.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import * as tf from '@tensorflow/tfjs-core';
import { cases } from './digest-cases.js';

const STEPS = 6;
const HALF = 3;
const BATCH = 8;

const wave = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => 2 * Math.sin(i * 1.7 + seed));

async function begin(changes: Record<string, unknown>, resume?: Snapshot): Promise<Session> {
  const recipe = parseRecipe({
    name: 'digests',
    dataset: { name: 'cifar-100', root: '.' },
    model: 'resnet8',
    teacher: { digest: '0'.repeat(64) },
    ...changes,
  });
  return Session.begin({ ...recipe, classes: 10, ...(resume && { resume }) }, '');
}

function train({ training }: Session, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    const images = tf.tensor4d(wave(BATCH * 3072, step), [BATCH, 32, 32, 3]);
    const y = tf.tensor1d(
      Array.from({ length: BATCH }, (_, i) => (i * 3 + step) % 10),
      'int32',
    );
    const given = {
      y,
      teacher: { logits: tf.tensor2d(wave(BATCH * 10, step + 0.5), [BATCH, 10]) },
      progress: { epoch: tf.scalar(step / 4), step: tf.scalar(step) },
    };
    const report = training.step(images, given, { lr: 0.01, momentum: 0.9 }, step);
    tf.dispose([images, given, report]);
  }
}

function tell(name: string, { model, optimizer }: Snapshot): void {
  process.stdout.write(`${name} ${createHash('sha256').update(model).update(optimizer).digest('hex')}\n`);
}

const [mode, folder = ''] = process.argv.slice(2);
const fileOf = (name: string, part: string) => path.join(folder, `${name}.${part}`);
loadBackend('cpu');
for (const [name, changes] of Object.entries(cases)) {
  const resume: Snapshot | undefined =
    mode === 'resume'
      ? { model: readFileSync(fileOf(name, 'model')), optimizer: readFileSync(fileOf(name, 'optimizer')) }
      : undefined;
  const session = await begin(changes, resume);
  if (mode === 'break') {
    train(session, 0, HALF);
    const snapshot = session.snapshot();
    for (const part of ['model', 'optimizer'] as const) writeFileSync(fileOf(name, part), snapshot[part]);
  } else {
    train(session, resume ? HALF : 0, STEPS);
    tell(name, session.snapshot());
  }
  session.dispose();
}
if (mode === 'break') {
  process.stdout.write('ready\n');
  const session = await begin(cases.sgd as Record<string, unknown>);
  for (let step = 0; ; step++) {
    train(session, step, step + 1);
    await new Promise(setImmediate);
  }
}
