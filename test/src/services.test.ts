/** The services on the wire: foreign clients, large batches, security, traces. */
import { createServer, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { DataLoaderServiceDefinition, type StreamBatchesResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { wholeArrays } from '@mcld/feeds/pieces.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { startCli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { createRun, ended, pipelineAt, quickRecipe, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 128, test: 64 });
const pipeline = usePipeline(place);

describe('the data loader', () => {
  it('sends a batch of 75 MB in parts that fit messages, whole again at the other end', async () => {
    const client = pipeline.loader;
    const dataset = {
      name: 'tiny-imagenet',
      root: path.join(projectRoot, 'samples/tiny-imagenet-200'),
      split: 'train',
      size: 256,
    };
    const spec = {
      dataset,
      batchSize: 400,
      augmentation: { cropPadding: 0, horizontalFlip: false },
      shuffle: true,
      seed: 1,
    };
    let messages = 0;
    const stream = client.streamBatches({ spec, from: { epoch: 0, step: 0 }, epochs: 1 });
    const pieceOf = ({ part, pixels }: StreamBatchesResponse) => {
      messages++;
      return { ...part!, bytes: pixels };
    };
    const lengths: number[] = [];
    for await (const length of wholeArrays(stream, pieceOf, (bytes) => bytes.length)) lengths.push(length);
    expect(messages).toBeGreaterThan(30);
    expect(lengths).toEqual([400 * 256 * 256 * 3]);
  });

  it('serves the same pixels by view as by batch', async () => {
    const client = pipeline.loader;
    const dataset = { name: 'cifar-100', root: place.data, split: 'train', size: 0 };
    const augmentation = { cropPadding: 4, horizontalFlip: true };
    const spec = { dataset, batchSize: 32, augmentation, shuffle: true, seed: 3 };
    let batches = 0;
    for await (const { views, pixels } of client.streamBatches({ spec, from: { epoch: 1, step: 2 }, epochs: 2 })) {
      batches++;
      const again: Buffer[] = [];
      for await (const piece of client.streamViews({ dataset, augmentation, views }))
        again.push(Buffer.from(piece.pixels));
      expect(Buffer.concat(again).equals(pixels)).toBe(true);
    }
    // Steps 2 and 3 of the four.
    expect(batches).toBe(2);
  });

  it('answers a bad request with a status and details', async () => {
    const client = pipeline.loader;
    const error = await client
      .describeDataset({ dataset: { name: 'mnist', root: '.', split: 'train', size: 0 } })
      .catch((e) => e);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', retryable: false });
  });
});

describe('the teacher', () => {
  it('speaks the Open Inference Protocol', async () => {
    const { client, inference } = pipeline;
    const teacher = await runToEnd(client, quickRecipe(place.data, { epochs: 1 }));
    const student = await runToEnd(
      client,
      quickRecipe(place.data, { epochs: 1, teacher: { run: teacher.id }, distiller: { name: 'kd' } }),
    );
    const name = student.teacherDigest;
    expect((await inference.serverLive({})).live).toBe(true);
    expect((await inference.modelReady({ name })).ready).toBe(true);
    expect((await inference.modelReady({ name: 'f'.repeat(64) })).ready).toBe(false);
    const answer = await inference.modelInfer({
      modelName: name,
      inputs: [{ name: 'image', datatype: 'UINT8', shape: [2, 32, 32, 3] }],
      rawInputContents: [Buffer.alloc(2 * 3072, 100)],
    });
    expect(answer.outputs[0]?.shape).toEqual([2, 100]);
    const logits = Buffer.from(answer.rawOutputContents[0]!);
    expect(logits.length).toBe(800);
    // Two equal images in one batch have equal logits.
    expect(logits.subarray(0, 400).equals(logits.subarray(400))).toBe(true);
  });
});

describe('a token', () => {
  it('is asked of every call but health checks', async () => {
    const token = 'a-token-of-some-length';
    const served = startCli(['serve', 'data-loader'], { MCLD_PORT: '0', MCLD_TOKEN: token, MCLD_LOG_LEVEL: 'info' });
    const line = await new Promise<string>((resolve) =>
      served.process.stdout?.once('data', (d: Buffer) => resolve(d.toString())),
    );
    const { address } = JSON.parse(line) as { address: string };
    const dataset = { name: 'cifar-100', root: 'samples/cifar-100-binary', split: 'test', size: 0 };
    const without = openClient(DataLoaderServiceDefinition, address, readConfig({}));
    await expect(without.client.describeDataset({ dataset })).rejects.toMatchObject({ status: 'UNAUTHENTICATED' });
    const withToken = openClient(DataLoaderServiceDefinition, address, readConfig({ MCLD_TOKEN: token }));
    expect((await withToken.client.describeDataset({ dataset })).count).toBe(1000);
    without.close();
    withToken.close();
    served.process.kill('SIGTERM');
    const { code, stderr } = await served.result;
    expect(code).toBe(0);
    expect(stderr).not.toContain(token);
  });
});

describe('traces', () => {
  it('show a run as one trace, from CreateRun to its evaluation', async () => {
    const bodies: Buffer[] = [];
    const collector = createServer((request: IncomingMessage, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        if (request.url === '/v1/traces') bodies.push(Buffer.concat(pieces));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as { port: number };
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const home = place.at('traced');
    const up = startCli(['up', '--home', home, '--port', '0'], env);
    const line = await new Promise<string>((resolve) =>
      up.process.stdout?.once('data', (d: Buffer) => resolve(d.toString())),
    );
    const endpoint = /mcld is up at (\S+),/.exec(line)![1]!;
    const open = pipelineAt(endpoint);
    const { id, traceId } = await createRun(open.client, quickRecipe(place.data, { epochs: 1 }));
    await ended(open.client, id);
    open.close();
    up.process.kill('SIGTERM');
    expect((await up.result).code).toBe(0);
    collector.close();

    type Span = { traceId: string; name: string };
    const spans = bodies.flatMap((body) => {
      const { resourceSpans } = JSON.parse(body.toString()) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    const names = new Set(spans.filter((span) => span.traceId === traceId).map(({ name }) => name));
    for (const name of ['run', 'train', 'batch', 'step', 'checkpoint', 'evaluate', 'event trained'])
      expect(names, name).toContain(name);
    expect([...names].some((name) => name.includes('DataLoaderService'))).toBe(true);
  });
});
