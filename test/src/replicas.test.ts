/** Replicas of loader and teacher, and many students of one teacher. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@mcld/cli/cluster/servers.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { asTeacherDigest } from '@mcld/platform/ids.js';
import { teacherKey } from '@mcld/platform/object-keys.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import { describe, expect, it } from 'vitest';
import { usePlace } from './support/place.js';
import { replica } from './support/replica.js';
import { createRun, ended, type PipelineClient, quickRecipe, reportOf, runToEnd } from './support/runs.js';
import { TestPipeline } from './support/test-pipeline.js';

const IMAGES = 320;
const EPOCHS = 5;

const place = usePlace({ train: IMAGES, test: 100 });

const teacherRecipe = () => quickRecipe(place.data, { name: 'teacher', model: 'resnet14' });

const studentOf = (teacher: string, changes: Record<string, unknown> = {}) =>
  quickRecipe(place.data, {
    name: 'student',
    teacher: { run: teacher },
    distiller: { name: 'kd' },
    epochs: EPOCHS,
    ...changes,
  });

const both = (replicas: readonly { address: string }[]) => `ipv4:${replicas.map(({ address }) => address).join(',')}`;

describe('two replicas of loader and teacher', () => {
  it('end with the bytes of an undisturbed run when one of each is killed', async () => {
    const distil = async (client: PipelineClient, disturb: (id: string) => Promise<void>) => {
      const teacher = await runToEnd(client, teacherRecipe());
      const { id } = await createRun(client, studentOf(teacher.id));
      await disturb(id);
      const run = await ended(client, id);
      return { sha: (await reportOf(client, id)).modelSha256, attempt: run.attempt };
    };
    const alone = await TestPipeline.start({ home: place.at('alone') });
    const expected = await distil(alone.client, async () => {});
    await alone.close();

    const home = place.at('replicated');
    const loaders = [await replica('data-loader-1', home, {}), await replica('data-loader-2', home, {})];
    const settings = { MCLD_DATA_LOADER: both(loaders) };
    const teachers = [
      await replica('teacher-inference-1', home, settings),
      await replica('teacher-inference-2', home, settings),
    ];
    const pipeline = await TestPipeline.start({
      home,
      settings: { ...settings, MCLD_TEACHER_INFERENCE: both(teachers) },
    });
    const { client } = pipeline;
    const found = await distil(client, async (id) => {
      while ((await client.getRun({ runId: id })).run!.step < 6) await sleep(20);
      // Whichever of them serves the run: the ones that are left serve the rest of it.
      await Promise.all([loaders[0]!.child.stop('SIGKILL'), teachers[0]!.child.stop('SIGKILL')]);
    });
    expect(found).toEqual({ sha: expected.sha, attempt: 1 });
    await pipeline.close();
    for (const { child } of [...loaders, ...teachers]) await child.stop();
  });
});

describe('replicas of the teacher that know each other', () => {
  it('compute each view once between them, also for streams that ask both', async () => {
    const home = place.at('peers');
    const digest = asTeacherDigest('d'.repeat(64));
    const weights = encodeSafetensors(initialState('resnet8', 100, 3), { model: 'resnet8', classes: '100' });
    await new FileObjectStore(path.join(home, 'store')).put(teacherKey(digest), weights);
    const loader = await replica('data-loader-1', home, {});
    const ports = [await freePort(), await freePort()];
    const MCLD_TEACHER_PEERS = ports.map((port) => `127.0.0.1:${port}`).join(',');
    // Homes of their own: what one stores the other does not see.
    const teachers = await Promise.all(
      ports.map(async (port, n) => {
        const own = path.join(home, `teacher-${n}`);
        await new FileObjectStore(path.join(own, 'store')).put(teacherKey(digest), weights);
        const settings = {
          ...{ MCLD_DATA_LOADER: loader.address, MCLD_TEACHER_PEERS, MCLD_PORT: String(port) },
          MCLD_TEACHER_SELF: `127.0.0.1:${port}`,
        };
        return replica(`teacher-inference-${n}`, own, settings);
      }),
    );
    const clients = teachers.map(({ address }) =>
      openClient(TeacherInferenceServiceDefinition, address, readConfig({})),
    );
    const spec = {
      dataset: { name: 'cifar-100', root: place.data, split: 'train' },
      batchSize: 64,
      augmentation: { cropPadding: 4, horizontalFlip: true },
      shuffle: true,
      seed: 3,
    };
    const read = async ({ client }: (typeof clients)[number]) => {
      const hash = createHash('sha256');
      for await (const { values } of client.streamRows({
        teacherDigest: digest,
        spec,
        from: { epoch: 0, step: 0 },
        epochs: 3,
      }))
        hash.update(values);
      return hash.digest('hex');
    };
    const [first, second] = await Promise.all(clients.map(read));
    expect(second).toBe(first);
    const computed = async ({ client }: (typeof clients)[number]) =>
      (await client.describeTeacher({ teacherDigest: digest })).counters!.computedViews;
    const counts = await Promise.all(clients.map(computed));
    // 960 views, of which some are the same crop of the same image.
    expect(counts[0]! + counts[1]!).toBeGreaterThan(900);
    expect(counts[0]! + counts[1]!).toBeLessThanOrEqual(960);
    expect(Math.min(...counts)).toBeGreaterThan(300);
    // One goes away: the other computes its part too, to the same bits.
    await teachers[0]!.child.stop('SIGKILL');
    expect(await read(clients[1]!)).toBe(first);
    for (const { close } of clients) close();
    for (const { child } of [...teachers, loader]) await child.stop();
  });
});

describe('four students at once on one teacher', () => {
  it('have each view computed once', async () => {
    const home = place.at('four');
    const pipeline = await TestPipeline.start({ home, settings: { MCLD_TRAINERS: '4' } });
    const { client } = pipeline;
    const teacher = await runToEnd(client, teacherRecipe());
    const losses = ['kd', 'dkd', 'mlld', 'clkd'];
    const runs = await Promise.all(
      losses.map((name) => {
        const distiller = name === 'dkd' ? { name, warmupEpochs: 1 } : { name };
        return createRun(
          client,
          studentOf(teacher.id, { name, distiller, dataSeed: 7, evaluation: { everyEpochs: 0 } }),
        );
      }),
    );
    const results = await Promise.all(runs.map(({ id }) => ended(client, id)));
    expect(new Set(results.map(({ teacherDigest }) => teacherDigest)).size).toBe(1);
    const teacherDigest = results[0]!.teacherDigest;
    const spec = {
      dataset: { name: 'cifar-100', root: place.data, split: 'train' },
      batchSize: 64,
      augmentation: { cropPadding: 4, horizontalFlip: true },
      shuffle: true,
      seed: 7,
    };
    const { rows, identities } = await pipeline.teachers.describeRows({ teacherDigest, spec });
    const { counters } = await pipeline.teachers.describeTeacher({ teacherDigest });
    // The final evaluations ask for the test images too, once.
    expect(counters!.computedViews).toBe(rows + 100);
    expect(rows).toBeGreaterThan(IMAGES);
    expect(rows).toBeLessThanOrEqual(IMAGES * EPOCHS);
    // Four students saw EPOCHS views of each image: what was not computed came from the store.
    expect(counters!.computedViews + counters!.storedViews).toBe(4 * (IMAGES * EPOCHS + 100));
    expect(identities).toHaveLength(1);
    await pipeline.close();
  });
});
