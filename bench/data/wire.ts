/** CIFAR batches from a loader in another process to a consumer here, beside bare grpc-js with equal messages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { openBatches } from '@mcld/feeds/batches.js';
import { START, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { median } from '../support/figures.js';

const ROUNDS = 9;
const BATCH = 64;
const MESSAGES = 2500;
const COUNTED_AFTER = 500;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A child and the address on its first line. */
async function start(args: string[], env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const { address } = JSON.parse(line) as { address?: string };
    if (address) return { child, address };
  }
  throw new Error(`${args[0]} ended before it told its address`);
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}

/** Images a second over `MESSAGES` batches of the loader's. */
async function throughLoader(address: string, root: string): Promise<number> {
  const { client, close } = openClient(DataLoaderServiceDefinition, address, readConfig({}));
  const dataset = { name: 'cifar-100', root, split: 'train' };
  const { count } = await client.describeDataset({ dataset });
  const spec = BatchSpec.fromPartial({
    dataset,
    batchSize: BATCH,
    augmentation: { cropPadding: 4, horizontalFlip: true },
    shuffle: true,
    seed: 1,
  });
  const request = { spec, from: START, epochs: 1000, stepsPerEpoch: stepsPerEpochOf(count, BATCH) };
  let [seen, begin] = [0, 0];
  for await (const { labels } of openBatches(client, request)) {
    if (labels.length !== BATCH && seen % request.stepsPerEpoch !== request.stepsPerEpoch - 1)
      throw new Error('a batch is short');
    if (++seen === COUNTED_AFTER) begin = performance.now();
    if (seen === MESSAGES) break;
  }
  const seconds = (performance.now() - begin) / 1000;
  close();
  return ((MESSAGES - COUNTED_AFTER) * BATCH) / seconds;
}

/** The same with a bare stream of equal messages. */
function throughEcho(address: string): Promise<number> {
  const same = (bytes: Buffer): Buffer => bytes;
  const stream = { path: '/bench.Echo/Stream', requestStream: false, responseStream: true } as const;
  const Client = makeGenericClientConstructor(
    {
      stream: {
        ...stream,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    'Echo',
  );
  const client = new Client(address, credentials.createInsecure(), {
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
  });
  const count = Buffer.alloc(4);
  count.writeUInt32LE(MESSAGES);
  return new Promise((resolve, reject) => {
    const call = client.makeServerStreamRequest(stream.path, same, same, count);
    let [seen, begin] = [0, 0];
    call.on('data', () => {
      if (++seen === COUNTED_AFTER) begin = performance.now();
    });
    call.on('error', reject);
    call.on('end', () => {
      client.close();
      resolve(((MESSAGES - COUNTED_AFTER) * BATCH) / ((performance.now() - begin) / 1000));
    });
  });
}

/** Prints the table. @returns loader over echo, median of rounds */
export async function wireBench(root: string): Promise<number> {
  const bytes = BATCH * 3072 + 4 * BATCH + 64;
  const echo = await start(['--import', 'tsx', file('echo-server.ts'), String(bytes)], {});
  const loader = await start([fileURLToPath(import.meta.resolve('@mcld/cli/main.js')), 'serve', 'data-loader'], {
    MCLD_PORT: '0',
    MCLD_DATA_ANYWHERE: 'true',
    MCLD_LOG_LEVEL: 'warn',
  });
  // Both warm up once: code is compiled as it runs.
  await throughEcho(echo.address);
  await throughLoader(loader.address, root);
  const ratios: number[] = [];
  console.log(`\nCIFAR batches of ${BATCH} (${bytes} bytes) over gRPC to another process, images/s`);
  console.log('round   bare grpc-js     loader   ratio');
  for (let round = 0; round < ROUNDS; round++) {
    const [bare, ours] = [await throughEcho(echo.address), await throughLoader(loader.address, root)];
    ratios.push(ours / bare);
    console.log(
      `${String(round + 1).padStart(5)}${bare.toFixed(0).padStart(15)}${ours.toFixed(0).padStart(11)}${(ours / bare).toFixed(2).padStart(8)}`,
    );
  }
  await stop(echo.child);
  await stop(loader.child);
  return median(ratios);
}
