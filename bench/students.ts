/**
 * `npm run bench:students`: what one teacher pass for many students is worth. ResNet32x4 teaches ResNet8x4, batch 64,
 * KD, CPU, everything in one process:
 *  1. a distillation step in the embedded pipeline over its bare compute (student's step and teacher's forward pass in
 *     their threads, side by side), and the second student's (all logits stored) over the student's own step;
 *  2. both against the PyTorch loop, which computes its teacher's logits in each step;
 *  3. four students at once on one teacher against four runs one after another, each with an empty store.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { PipelineServiceDefinition, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import type { handlers as studentHandlers, TrainerWorkerData } from '@mcld/student-trainer/worker.js';
import type { TeacherWorkerData, handlers as teacherHandlers } from '@mcld/teacher-inference/worker.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { median, verdict } from './support/figures.js';

const [TEACHER, STUDENT] = ['resnet32x4', 'resnet8x4'] as const;
const BATCH = 64;
const STEPS = 40;
const ROUNDS = 3;
/** Steps at a beginning that are not counted: graphs are made, buffers grow. */
const WARM_UP = 8;
const CLASSES = 100;

const statistics = { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };
const distiller = { name: 'kd', temperature: 4 };
const folder = mkdtempSync(path.join(tmpdir(), 'mcld-students-'));
process.env.MCLD_LOG_LEVEL ??= 'warn';

/** So many images that an epoch has STEPS steps, and few to evaluate on. */
function makeData(): string {
  const samples = fileURLToPath(new URL('../samples/cifar-100-binary', import.meta.url));
  const root = path.join(folder, 'cifar');
  cpSync(samples, root, { recursive: true });
  for (const [name, images] of [
    ['train.bin', STEPS * BATCH],
    ['test.bin', BATCH],
  ] as const) {
    writeFileSync(path.join(root, name), readFileSync(path.join(samples, name)).subarray(0, images * 3074));
  }
  return root;
}

const root = makeData();
const weights = Buffer.from(encodeSafetensors(initialState(TEACHER, CLASSES, 1), {}));

interface Bare {
  /** Student's step and teacher's forward pass, and the student's step alone; ms. */
  readonly both: number;
  readonly student: number;
}

async function bare(): Promise<Bare> {
  const worker = (of: string) => new URL(import.meta.resolve(of));
  const student = new ComputeThread<typeof studentHandlers>(worker('@mcld/student-trainer/worker.js'), {
    device: 'auto',
    distillerFolder: '',
  } satisfies TrainerWorkerData);
  const teacher = new ComputeThread<typeof teacherHandlers>(worker('@mcld/teacher-inference/worker.js'), {
    device: 'auto',
    batch: BATCH,
  } satisfies TeacherWorkerData);
  const about = { model: TEACHER, classes: String(CLASSES) };
  const weights = encodeSafetensors(initialState(TEACHER, CLASSES, 1), about);
  const { handle } = await teacher.call('load', { digest: 'd', weights });
  await student.call('begin', {
    model: STUDENT,
    classes: CLASSES,
    seed: 0,
    distiller: { name: 'kd' },
    optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4, decay: 'all', nesterov: false },
    labelSmoothing: 0,
    stochasticDepth: 0,
    statistics,
    height: 32,
    width: 32,
  });
  const pixels = () => Uint8Array.from({ length: BATCH * 3072 }, (_, i) => (i * 31) % 256);
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i);
  const values = Float32Array.from({ length: BATCH * CLASSES }, (_, i) => Math.sin(i));
  const step = () =>
    student.call('step', {
      pixels: pixels(),
      labels,
      teacher: new Map([['logits', { values, width: CLASSES }] as const]),
      epoch: 0,
      step: 0,
      rates: { lr: 0.05, momentum: 0.9 },
    });
  const forward = () =>
    teacher.call('compute', { handle, output: 'logits', pixels: pixels(), height: 32, width: 32, statistics });
  const timed = async (work: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let n = 0; n < STEPS / 2; n++) {
      const start = performance.now();
      await work();
      if (n >= WARM_UP) times.push(performance.now() - start);
    }
    return median(times);
  };
  const both = await timed(() => Promise.all([step(), forward()]));
  const alone = await timed(step);
  await student.close();
  await teacher.close();
  return { both, student: alone };
}

/** A pipeline with the teacher in it, and a home of its own. */
async function openPipeline(trainers: number) {
  const home = path.join(folder, randomUUID());
  const pipeline: EmbeddedPipeline = await startEmbedded({ home, settings: { MCLD_TRAINERS: String(trainers) } });
  const { client, close } = openClient(PipelineServiceDefinition, pipeline.endpoint, readConfig({}));
  async function* file() {
    for (let at = 0; at < weights.length; at += 1 << 20)
      yield { model: TEACHER, chunk: weights.subarray(at, at + (1 << 20)) };
  }
  const { teacherDigest } = await client.importTeacher(file());
  return {
    /** @returns milliseconds a step, between two progress events */
    async run(seed: number): Promise<number> {
      const recipe = {
        name: `student-${seed}`,
        dataset: { name: 'cifar-100', root },
        model: STUDENT,
        teacher: { digest: teacherDigest },
        distiller,
        epochs: 1,
        seed,
        dataSeed: 3,
        evaluation: { everyEpochs: 0 },
      };
      const { run } = await client.createRun({ requestId: randomUUID(), recipe });
      let [first, last] = [
        { step: 0, time: 0 },
        { step: 0, time: 0 },
      ];
      for await (const { kind, data, time, run: ended } of client.watchRun({ runId: run?.id ?? '' })) {
        if (ended && ended.state !== RunState.SUCCEEDED) throw new Error(`${ended.id}: ${ended.error}`);
        if (kind !== 'progress') continue;
        const seen = { step: Number(data?.step), time: time?.getTime() ?? 0 };
        if (first.step === 0 && seen.step >= WARM_UP) first = seen;
        last = seen;
      }
      return (last.time - first.time) / (last.step - first.step);
    },
    async close() {
      close();
      await pipeline.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function torchStep(): number {
  const script = fileURLToPath(new URL('peer/distil.py', import.meta.url));
  const args = [script, TEACHER, STUDENT, '15'];
  return Number(execFileSync(process.env.MCLD_PYTHON ?? 'python3', args, { encoding: 'utf8' }));
}

async function steps(): Promise<void> {
  console.log('\na step, ms');
  console.log(
    'round   bare both   pipeline, first   ratio   bare student   pipeline, second   ratio   PyTorch loop   over second',
  );
  const [first, second, torch]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= ROUNDS; round++) {
    const compute = await bare();
    const pipeline = await openPipeline(1);
    const [one, two] = [await pipeline.run(1), await pipeline.run(2)];
    await pipeline.close();
    const loop = torchStep();
    first.push(one / compute.both);
    second.push(two / compute.student);
    torch.push(loop / two);
    const cells: [number, number, number][] = [
      [compute.both, 12, 0],
      [one, 18, 0],
      [one / compute.both, 8, 2],
      [compute.student, 15, 0],
      [two, 19, 0],
      [two / compute.student, 8, 2],
      [loop, 15, 0],
      [loop / two, 14, 2],
    ];
    console.log(
      String(round).padStart(5) + cells.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join(''),
    );
  }
  verdict('first student over bare compute', median(first), '≤', 1.05);
  verdict('second student over its own step', median(second), '≤', 1.05);
  verdict('PyTorch loop over the second student', median(torch), '≥', 2);
}

async function four(): Promise<void> {
  const begin = performance.now();
  for (let n = 0; n < 4; n++) {
    const pipeline = await openPipeline(1);
    await pipeline.run(n);
    await pipeline.close();
  }
  const apart = performance.now() - begin;
  const again = performance.now();
  const pipeline = await openPipeline(4);
  await Promise.all([0, 1, 2, 3].map((n) => pipeline.run(n)));
  await pipeline.close();
  const together = performance.now() - again;
  console.log(
    `\nfour students: one after another without a store ${(apart / 1000).toFixed(1)} s, at once ${(together / 1000).toFixed(1)} s`,
  );
  verdict('four at once over one after another', together / apart, '≤', 0.6);
}

console.log(
  `${TEACHER} → ${STUDENT}, batch ${BATCH}, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}`,
);
await steps();
await four();
rmSync(folder, { recursive: true });
