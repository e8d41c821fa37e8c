import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '@mcld/cli/cluster/cluster.js';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { type Adapters, openAdapters } from '@mcld/platform/adapters.js';
import { type Delivery, runEvent, type WorkItem } from '@mcld/platform/bus/events.js';
import { NatsBus } from '@mcld/platform/bus/nats-bus.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { asRunId } from '@mcld/platform/ids.js';
import { createLogger } from '@mcld/platform/logging.js';
import { changeRun, RevisionConflictError } from '@mcld/platform/runs/run-store.js';
import { ObjectExistsError } from '@mcld/platform/storage/object-store.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { createRun, ended, type PipelineClient, pipelineAt, quickRecipe, reportOf, runToEnd } from './support/runs.js';
import { TestPipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 320, test: 100 });
let cluster: Cluster;
let adapters: Adapters<Recipe>;

beforeAll(async () => {
  cluster = await Cluster.start({ folder: place.at('cluster'), dataDir: place.folder });
  adapters = await openAdapters(readConfig(cluster.environment), createLogger('test', 'silent'), parseRecipe);
});

afterAll(async () => {
  await adapters?.close();
  await cluster?.stop();
});

describe('MinIO as object store', () => {
  it('keeps, lists, deletes, and lets one conditional writer win', async () => {
    const { objects } = adapters;
    await objects.put('t/a', Buffer.from('1'));
    await objects.put('t/b', Buffer.from('2'), { ifAbsent: true });
    await expect(objects.put('t/b', Buffer.from('3'), { ifAbsent: true })).rejects.toBeInstanceOf(ObjectExistsError);
    expect(Buffer.from((await objects.get('t/b'))!).toString()).toBe('2');
    expect(await objects.list('t/')).toEqual(['t/a', 't/b']);
    await objects.delete('t/a');
    expect(await objects.get('t/a')).toBeUndefined();
    await objects.deleteAll('t/');
    expect(await objects.list('t/')).toEqual([]);
  });
});

describe('shards in S3', () => {
  it('are read by the loader, and not fetched twice', async () => {
    const from = place.at('shards');
    await mkdir(from);
    const train = path.join(projectRoot, 'samples/tiny-imagenet-200/train');
    const names: string[] = [];
    for (const [label, wnid] of ['n01443537', 'n01641577'].entries()) {
      await cp(path.join(train, wnid, 'images', `${wnid}_0.JPEG`), path.join(from, `${wnid}.jpg`));
      await writeFile(path.join(from, `${wnid}.cls`), String(label));
      names.push(`${wnid}.jpg`, `${wnid}.cls`);
    }
    const file = path.join(from, 'train-0.tar');
    await create({ file, cwd: from, portable: true }, names);
    await adapters.objects.put('sets/mine/train-0.tar', await readFile(file));
    const { client, close } = openClient(
      DataLoaderServiceDefinition,
      cluster.environment.MCLD_DATA_LOADER as string,
      readConfig({}),
    );
    const describeAt = (name: string, root: string) =>
      client.describeDataset({ dataset: { name, root, split: 'train', size: 32 } });
    const found = await describeAt('webdataset', 's3://mcld/sets/mine');
    expect([found.count, found.classes, found.height]).toEqual([2, 2, 32]);
    expect((await describeAt('webdataset', 's3://mcld/sets/mine/')).fingerprint).toBe(found.fingerprint);
    await expect(describeAt('webdataset', 's3://mcld/sets/none')).rejects.toThrow("has no shards of split 'train'");
    await expect(describeAt('webdataset', 's3://Bad_Bucket/x')).rejects.toThrow('expected s3://bucket/prefix');
    await expect(describeAt('image-folder', 's3://mcld/sets/mine')).rejects.toThrow('only webdataset is read from S3');
    close();
  });
});

describe('JetStream', () => {
  it('keeps an event that is sent twice once, in order, for late watchers', async () => {
    const run = asRunId('events-test');
    const created = runEvent(run, 'created', 'once', { name: 'x', recipe: {} }, 'test');
    await adapters.events.publish(created);
    await adapters.events.publish(created);
    await adapters.events.publish(runEvent(run, 'started', '1', { attempt: 1, step: 0, totalSteps: 2 }, 'test'));
    const kinds: string[] = [];
    for await (const { kind } of adapters.events.watch(run, AbortSignal.timeout(10_000), { live: false }))
      kinds.push(kind);
    expect(kinds).toEqual(['created', 'started']);
  });

  it('passes over events and work that are not what they should be', async () => {
    const run = asRunId('damaged-test');
    const { events } = adapters;
    if (!(events instanceof NatsBus)) throw new Error('the cluster has no NATS');
    // The pipeline of the cluster gets them too: the runs below would wait for it.
    for (const text of ['not JSON', '{"type":"mcld.run.trained"}']) {
      events.connection.publish(`mcld.events.${run}.trained`, text);
    }
    events.connection.publish('mcld.work.train', '{"run":"NO ID"}');
    await events.publish(runEvent(run, 'trained', '1', { step: 1, attempt: 1 }, 'test'));
    const kinds: string[] = [];
    for await (const { kind } of events.watch(run, AbortSignal.timeout(10_000), { live: false })) kinds.push(kind);
    expect(kinds).toEqual(['trained']);
  });

  it('changes records by compare-and-set', async () => {
    const { runs } = adapters;
    const id = asRunId('cas-test');
    const at = new Date().toISOString();
    const record = {
      id,
      name: 'x',
      requestId: 'x',
      state: 'failed',
      recipe: parseRecipe(quickRecipe(place.data)),
      createdAt: at,
      updatedAt: at,
      step: 0,
      totalSteps: 0,
      attempt: 0,
      submissions: 1,
      error: '',
      teacherDigest: '',
      trace: {},
    } as const;
    await runs.create(record);
    await expect(runs.create(record)).rejects.toBeInstanceOf(RevisionConflictError);
    await Promise.all(Array.from({ length: 5 }, () => changeRun(runs, id, (r) => ({ ...r, attempt: r.attempt + 1 }))));
    expect((await runs.get(id))?.record.attempt).toBe(5);
    await runs.delete(id);
    expect(await runs.get(id)).toBeUndefined();
  });
});

describe('the cluster', () => {
  let client: PipelineClient;
  let close: () => void;

  beforeAll(() => {
    ({ client, close } = pipelineAt(cluster.endpoint));
  });

  afterAll(() => close());

  it('ends with the bytes of the embedded pipeline', async () => {
    const distil = async (pipeline: PipelineClient) => {
      const teacher = await runToEnd(pipeline, quickRecipe(place.data, { name: 'teacher', model: 'resnet14' }));
      const student = await runToEnd(
        pipeline,
        quickRecipe(place.data, {
          name: 'student',
          teacher: { run: teacher.id },
          distiller: { name: 'mcld', warmup: 'none' },
        }),
      );
      return [(await reportOf(pipeline, teacher.id)).modelSha256, (await reportOf(pipeline, student.id)).modelSha256];
    };
    const inCluster = await distil(client);
    const embedded = await TestPipeline.start({ home: place.at('home') });
    const here = await distil(embedded.client);
    await embedded.close();
    expect(inCluster).toEqual(here);
  });

  it('loses no run with its trainer: killed, drained and the loader killed, the bytes are the same', async () => {
    const recipe = quickRecipe(place.data, { name: 'survivor', model: 'resnet14', epochs: 12 });
    const expected = (await reportOf(client, (await runToEnd(client, recipe)).id)).modelSha256;
    const { id } = await createRun(client, recipe);
    const reach = async (step: number) => {
      while ((await client.getRun({ runId: id })).run!.step < step) await sleep(50);
    };
    // Drained: it checkpoints in the middle of an epoch and the run goes on at once.
    await reach(7);
    await cluster.children.get('student-trainer')!.stop('SIGTERM');
    await cluster.startService('student-trainer');
    // Its data vanish under it: it tries again.
    await reach(12);
    await cluster.children.get('data-loader')!.stop('SIGKILL');
    await cluster.startService('data-loader');
    // Killed: the queue delivers the run again when it has been silent for long enough.
    await reach(18);
    await cluster.children.get('student-trainer')!.stop('SIGKILL');
    await cluster.startService('student-trainer');
    const run = await ended(client, id);
    expect(run.attempt).toBeGreaterThanOrEqual(3);
    expect((await reportOf(client, id)).modelSha256).toBe(expected);
  });
});

describe('work', () => {
  it('comes again after a release, counted, and only to one taker', async () => {
    // The services are stopped here so that none of them takes it.
    await cluster.children.get('evaluator')!.stop();
    const run = asRunId('work-test');
    await adapters.work.enqueue('evaluate', { run, step: 1 }, 'work-test.1');
    await adapters.work.enqueue('evaluate', { run, step: 1 }, 'work-test.1');
    const stop = new AbortController();
    const attempts: number[] = [];
    let last: Delivery<WorkItem> | undefined;
    for await (const delivery of adapters.work.take('evaluate', stop.signal)) {
      attempts.push(delivery.attempt);
      last = delivery;
      if (attempts.length === 2) break;
      await delivery.release(10);
    }
    await last?.ack();
    expect(attempts).toEqual([1, 2]);
  });
});
