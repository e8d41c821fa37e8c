/**
 * `npx tsx bench/step.ts`: what the pipeline costs a training step. ResNet8x4, batch 64, cross-entropy:
 * the bare step in a compute thread against the same step inside the embedded pipeline (data loader
 * and trainer over gRPC, events, progress), in turn, in one process. Prints medians and their ratio.
 * With `--peer [MODEL...]`: the same work here and in PyTorch instead; see peer/table.ts.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '@mcld/cli/embedded.js';
import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import type { handlers, TrainerWorkerData } from '@mcld/student-trainer/worker.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { peerTable } from './peer/table.js';

const ROUNDS = 5;
const BARE_STEPS = 35;
const BATCH = 64;
/** Steps at a run's beginning that are not counted: kernels are chosen, buffers grow. */
const WARM_UP = 10;

const samples = fileURLToPath(new URL('../samples/cifar-100-binary', import.meta.url));
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function bareRound(thread: ComputeThread<typeof handlers>): Promise<number> {
  const pixels = Uint8Array.from({ length: BATCH * 3072 }, (_, i) => (i * 31) % 256);
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i);
  const times: number[] = [];
  for (let step = 0; step < BARE_STEPS; step++) {
    const start = performance.now();
    await thread.call('step', { pixels, labels, epoch: 0, step, rates: { lr: 0.05, momentum: 0.9 } });
    if (step >= WARM_UP) times.push(performance.now() - start);
  }
  return median(times);
}

const recipe = {
  name: 'bench',
  dataset: { name: 'cifar-100', root: samples },
  model: 'resnet8x4',
  distiller: { name: 'ce' },
  epochs: 1,
  evaluation: { everyEpochs: 0 },
};

/** Wall time between two progress events over the steps between them. */
async function pipelineRound(client: ReturnType<typeof openPipeline>['client']): Promise<number> {
  const { run } = await client.createRun({ requestId: randomUUID(), recipe });
  let first: { step: number; time: number } | undefined;
  let last: { step: number; time: number } | undefined;
  for await (const { kind, data, time } of client.watchRun({ runId: run?.id ?? '' })) {
    if (kind !== 'progress') continue;
    const seen = { step: Number(data?.step), time: time?.getTime() ?? 0 };
    if (seen.step >= WARM_UP) first ??= seen;
    last = seen;
  }
  if (!first || !last || last.step <= first.step) throw new Error('too few progress events');
  return (last.time - first.time) / (last.step - first.step);
}

function openPipeline(endpoint: string) {
  return openClient(PipelineServiceDefinition, endpoint, readConfig({}));
}

async function pipelineCost(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcld-bench-'));
  process.env.MCLD_LOG_LEVEL ??= 'warn';
  const pipeline = await startEmbedded({ home: folder });
  const { client, close } = openPipeline(pipeline.endpoint);
  const worker = new URL(import.meta.resolve('@mcld/student-trainer/worker.js'));
  const thread = new ComputeThread<typeof handlers>(worker, {
    device: 'auto',
    distillerFolder: '',
  } satisfies TrainerWorkerData);
  await thread.call('begin', {
    model: 'resnet8x4',
    classes: 100,
    seed: 0,
    distiller: { name: 'ce' },
    optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4, decay: 'all', nesterov: false },
    labelSmoothing: 0,
    stochasticDepth: 0,
    statistics: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    height: 32,
    width: 32,
  });

  const bare: number[] = [];
  const inside: number[] = [];
  console.log(`ResNet8x4, batch ${BATCH}, ce, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}`);
  console.log('round   bare ms   pipeline ms   ratio');
  for (let round = 1; round <= ROUNDS; round++) {
    const [a, b] = [await bareRound(thread), await pipelineRound(client)];
    bare.push(a);
    inside.push(b);
    console.log(
      `${String(round).padStart(5)}${a.toFixed(1).padStart(10)}${b.toFixed(1).padStart(14)}${(b / a).toFixed(3).padStart(8)}`,
    );
  }
  const ratios = inside.map((b, i) => b / (bare[i] as number));
  console.log(
    `median${median(bare).toFixed(1).padStart(9)}${median(inside).toFixed(1).padStart(14)}${median(ratios).toFixed(3).padStart(8)}`,
  );
  close();
  await pipeline.close();
  await thread.close();
  rmSync(folder, { recursive: true });
}

if (process.argv.includes('--peer')) {
  const only = process.argv.slice(process.argv.indexOf('--peer') + 1);
  process.exitCode = (await peerTable(only)) ? 0 : 1;
} else {
  await pipelineCost();
}
