/**
 * `npm run soak`: 5,000 training steps in a worker thread, then 50 workers started and stopped, in one
 * process. The number of tensors must not change, the memory not grow by more than 20 MB.
 */
import type { handlers, TrainerWorkerData } from '@mcld/student-trainer/worker.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';

const STEPS = 5000;
const WORKERS = 50;
const STEPS_A_WORKER = 5;
const SETTLED = 200;
const GROWTH_MB = 20;
const BATCH = 16;

type Trainer = ComputeThread<typeof handlers>;

async function begin(): Promise<Trainer> {
  const worker = new URL(import.meta.resolve('@mcld/student-trainer/worker.js'));
  const data: TrainerWorkerData = { device: 'auto', distillerFolder: '' };
  const trainer: Trainer = new ComputeThread(worker, data);
  await trainer.call('begin', {
    model: 'resnet8',
    classes: 100,
    seed: 0,
    distiller: { name: 'mcld' },
    optimizer: { name: 'sgd', lr: 0.01, momentum: 0.9, weightDecay: 5e-4, decay: 'all', nesterov: false },
    labelSmoothing: 0,
    stochasticDepth: 0,
    statistics: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    height: 32,
    width: 32,
  });
  return trainer;
}

const pixels = Uint8Array.from({ length: BATCH * 3072 }, (_, i) => (i * 31) % 256);
const labels = Int32Array.from({ length: BATCH }, (_, i) => i);
const values = Float32Array.from({ length: BATCH * 100 }, (_, i) => Math.sin(i));
const teacher = new Map([['logits', { values, width: 100 }] as const]);

async function steps(trainer: Trainer, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    const { losses } = await trainer.call('step', {
      pixels,
      labels,
      teacher,
      epoch: step / 100,
      step,
      rates: { lr: 0.01, momentum: 0.9 },
    });
    if (!Object.values(losses).every(Number.isFinite))
      throw new Error(`step ${step}: losses ${JSON.stringify(losses)}`);
  }
}

/** After a collection, so that what is garbage does not count. */
function residentMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
}

let failures = 0;
function report(what: string, found: string, ok: boolean): void {
  if (!ok) failures++;
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${what}: ${found}\n`);
}

const trainer = await begin();
await steps(trainer, 0, SETTLED);
const [tensors, memory] = [await trainer.call('tensors', undefined), residentMegabytes()];
for (let done = SETTLED; done < STEPS; done += 600) {
  await steps(trainer, done, Math.min(done + 600, STEPS));
  process.stdout.write(`        ${Math.min(done + 600, STEPS)} steps: ${residentMegabytes().toFixed(1)} MB\n`);
}
const after = await trainer.call('tensors', undefined);
report(`tensors after ${SETTLED} and ${STEPS} steps`, `${tensors}, ${after}`, after === tensors);
const growth = residentMegabytes() - memory;
report(`growth from step ${SETTLED} to ${STEPS}`, `${growth.toFixed(1)} of ${GROWTH_MB} MB`, growth < GROWTH_MB);
await trainer.close();

let settled = 0;
for (let i = 1; i <= WORKERS; i++) {
  const one = await begin();
  await steps(one, 0, STEPS_A_WORKER);
  await one.close();
  if (i % 10 === 0) process.stdout.write(`        ${i} workers: ${residentMegabytes().toFixed(1)} MB\n`);
  if (i === 10) settled = residentMegabytes();
}
const [total, late] = [residentMegabytes() - memory, residentMegabytes() - settled];
report(
  `growth from step ${SETTLED} over ${WORKERS} workers`,
  `${total.toFixed(1)} of ${GROWTH_MB} MB`,
  total < GROWTH_MB,
);
report(`growth from worker 10 to ${WORKERS}`, `${late.toFixed(1)} of ${GROWTH_MB} MB`, late < GROWTH_MB);
process.exitCode = failures > 0 ? 1 : 0;
