/**
 * `npm run bench:memory`: what loader and teacher hold. 10,000 CIFAR steps through a loader and a teacher, each in a
 * process of its own (the teacher is a small one: its weights are not the subject), then consumers that stop reading
 * for a minute.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { asTeacherDigest } from '@mcld/platform/ids.js';
import { teacherKey } from '@mcld/platform/object-keys.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import { verdict } from './support/figures.js';

const STEPS = 10_000;
const BATCH = 64;
const STALL_MS = 60_000;
const MOST_MB = 600;
const MOST_GROWTH_MB = 32;

const home = mkdtempSync(path.join(tmpdir(), 'mcld-memory-'));
const digest = asTeacherDigest('c'.repeat(64));
const weights = encodeSafetensors(initialState('resnet8', 100, 1), { model: 'resnet8', classes: '100' });
await new FileObjectStore(path.join(home, 'store')).put(teacherKey(digest), weights);

async function serve(
  name: string,
  settings: Record<string, string>,
): Promise<{ child: ChildProcess; address: string }> {
  const main = fileURLToPath(import.meta.resolve('@mcld/cli/main.js'));
  const env = {
    ...process.env,
    MCLD_HOME: home,
    MCLD_PORT: '0',
    MCLD_DATA_ANYWHERE: 'true',
    MCLD_LOG_LEVEL: 'warn',
    ...settings,
  };
  const child = spawn(process.execPath, [main, 'serve', name], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const { address } = JSON.parse(line) as { address: string };
    return { child, address };
  }
  throw new Error(`${name} did not start`);
}

/** MB of a process's own; pages of mapped files, which the kernel takes back at will, are not. */
function megabytes({ pid }: ChildProcess): { own: number; mapped: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { own: field('RssAnon'), mapped: field('RssFile') };
}

const loader = await serve('data-loader', {});
const teacher = await serve('teacher-inference', { MCLD_DATA_LOADER: loader.address });
const config = readConfig({});
const open = {
  loader: openClient(DataLoaderServiceDefinition, loader.address, config),
  teacher: openClient(TeacherInferenceServiceDefinition, teacher.address, config),
};
const root = fileURLToPath(new URL('../samples/cifar-100-binary', import.meta.url));
const request = {
  spec: {
    dataset: { name: 'cifar-100', root, split: 'train' },
    batchSize: BATCH,
    augmentation: { cropPadding: 4, horizontalFlip: true, viewsPerImage: 8 },
    shuffle: true,
    seed: 1,
  },
  from: { epoch: 0, step: 0 },
  epochs: 1000,
};

const table: [number, ReturnType<typeof megabytes>, ReturnType<typeof megabytes>][] = [];
const look = (step: number) => {
  const found: (typeof table)[number] = [step, megabytes(loader.child), megabytes(teacher.child)];
  table.push(found);
  const cells = found.slice(1).flatMap((m) => Object.values(m).map((v) => v.toFixed(0).padStart(8)));
  console.log(String(step).padStart(6) + cells.join(''));
};

console.log(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}; MB: own, mapped files`);
console.log('  step  loader  mapped teacher  mapped');
async function read(stream: AsyncIterable<{ cursor: unknown }>, onStep: (step: number) => void): Promise<void> {
  let step = 0;
  for await (const _ of stream) {
    onStep(++step);
    if (step === STEPS) return;
  }
}
await Promise.all([
  read(open.loader.client.streamBatches(request), (step) => {
    if (step % 2000 === 0 || step === 500) look(step);
  }),
  read(open.teacher.client.streamRows({ teacherDigest: digest, ...request }), () => {}),
]);
look(STEPS);

// Consumers that take one item of each stream and then no more.
const stalled = [1, 2, 3, 4].flatMap((seed) => {
  const plan = { ...request, spec: { ...request.spec, seed } };
  return [
    open.loader.client.streamBatches(plan)[Symbol.asyncIterator](),
    open.teacher.client.streamRows({ teacherDigest: digest, ...plan })[Symbol.asyncIterator](),
  ];
});
await Promise.all(stalled.map((stream) => stream.next()));
await sleep(5000);
const [before, beforeTeacher, beforeHere] = [
  megabytes(loader.child).own,
  megabytes(teacher.child).own,
  process.memoryUsage().rss / 2 ** 20,
];
await sleep(STALL_MS);
const growth = {
  loader: megabytes(loader.child).own - before,
  teacher: megabytes(teacher.child).own - beforeTeacher,
  consumer: process.memoryUsage().rss / 2 ** 20 - beforeHere,
};
console.log(
  `8 streams stalled for ${STALL_MS / 1000} s: ${JSON.stringify(growth, (_, v) => (typeof v === 'number' ? Math.round(v * 10) / 10 : v))} MB`,
);

const [, settled] = table as [unknown, (typeof table)[number]];
const last = table.at(-1) as (typeof table)[number];
verdict('MB, loader at most', Math.max(...table.map((row) => row[1].own)), '≤', MOST_MB);
verdict('MB, teacher at most', Math.max(...table.map((row) => row[2].own)), '≤', MOST_MB);
verdict('MB, loader grows from step 2,000 to 10,000', last[1].own - settled[1].own, '≤', MOST_GROWTH_MB);
verdict('MB, teacher grows from step 2,000 to 10,000', last[2].own - settled[2].own, '≤', MOST_GROWTH_MB);
verdict('MB, a stalled consumer adds', Math.max(...Object.values(growth)), '≤', MOST_GROWTH_MB);

for (const { close } of Object.values(open)) close();
for (const { child } of [teacher, loader]) {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}
rmSync(home, { recursive: true });
