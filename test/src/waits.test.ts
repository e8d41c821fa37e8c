/** A run that waits says for what: in the log, as events and in its record; and when it goes on. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunState, type WatchRunResponse } from '@mcld/contracts/mcld/v1/pipeline.js';
import { StudentTrainerServiceDefinition } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { usePlace } from './support/place.js';
import { replica } from './support/replica.js';
import { createRun, ended, quickRecipe, runToEnd } from './support/runs.js';
import { TestPipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 320, test: 100 });

it('a run whose data loader stands still says so, and goes on', async () => {
  const home = place.at('home');
  const loader = await replica('data-loader', home, {});
  const pipeline = await TestPipeline.start({
    home,
    settings: { MCLD_DATA_LOADER: loader.address, MCLD_WAIT_SECONDS: '0.5' },
  });
  const { client } = pipeline;
  const trainer = openClient(StudentTrainerServiceDefinition, pipeline.addresses['student-trainer'], readConfig({}));
  try {
    const { id } = await createRun(client, quickRecipe(place.data, { epochs: 400, evaluation: { everyEpochs: 0 } }));
    const get = async () => (await client.getRun({ runId: id })).run!;
    const until = async (holds: () => Promise<boolean>) => {
      while (!(await holds())) await sleep(50);
    };
    const events: WatchRunResponse[] = [];
    const watching = (async () => {
      for await (const event of client.watchRun({ runId: id })) events.push(event);
    })();
    await until(async () => (await get()).step >= 3);
    loader.child.process.kill('SIGSTOP');
    await until(async () => (await get()).waiting.length > 0);

    const [waiting] = (await get()).waiting;
    const known = { service: 'data loader', what: 'batches', answer: 'silent', address: loader.address };
    expect(waiting).toMatchObject({ ...known, stage: 'training' });
    const { runs } = await trainer.client.getStatus({});
    expect(runs).toMatchObject([{ runId: id, waiting: [known] }]);
    const shown = await cli(['get', id, '--endpoint', pipeline.endpoint]);
    expect(shown.stdout).toMatch(
      /\ntraining +waits \d+ s for the data loader at \S+ \(batches\), which does not answer: its process hangs/,
    );
    expect(shown.stdout).toMatch(
      /\nprogress +\d+ s ago, .*where a step waits: batches \d+ %, logits 0 %, compute \d+ %/,
    );

    loader.child.process.kill('SIGCONT');
    await until(async () => (await get()).waiting.length === 0);
    const step = (await get()).step;
    await until(async () => (await get()).step > step);
    expect((await get()).state).toBe(RunState.TRAINING);
    await client.cancelRun({ runId: id });
    await ended(client, id);
    await watching;

    // A short patience notices other waits too, as for the first step.
    const told = events.filter(
      ({ kind, data: { service } = {} }) => ['waiting', 'continued'].includes(kind) && service === 'data loader',
    );
    expect(told.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['waiting', 'continued']));
    expect(told.at(-1)?.kind).toBe('continued');
    expect(told[0]?.data).toMatchObject({ ...known, attempt: 1, retries: 0 });
    const log = await readFile(path.join(home, 'logs/mcld.log'), 'utf8');
    expect(log).toMatch(/"what":"batches".*"waitedMs":\d+,"msg":"waiting for the data loader at \S+ \(batches\)/);
    expect(log).toContain('"msg":"no longer waiting for the data loader"');
  } finally {
    loader.child.process.kill('SIGCONT');
    trainer.close();
    await pipeline.close();
    await loader.child.stop();
  }
});

it('a run whose data loader is gone says how often it was asked for, and why it is not there', async () => {
  const home = place.at('gone');
  const loader = await replica('data-loader', home, {});
  const pipeline = await TestPipeline.start({
    home,
    settings: { MCLD_DATA_LOADER: loader.address, MCLD_WAIT_SECONDS: '0.5' },
  });
  const { client } = pipeline;
  try {
    const { id } = await createRun(client, quickRecipe(place.data, { epochs: 400, evaluation: { everyEpochs: 0 } }));
    const get = async () => (await client.getRun({ runId: id })).run!;
    while ((await get()).step < 3) await sleep(50);
    await loader.child.stop('SIGKILL');
    while (!(await get()).waiting.some(({ retries }) => retries > 1)) await sleep(50);
    const { waiting } = await get();
    expect(waiting).toMatchObject([{ service: 'data loader', answer: 'absent' }]);
    expect(waiting[0]!.lastError).not.toBe('');
    // Asked for in vain for some seconds, the attempt ends; the next one is what the run waits for.
    while ((await get()).state !== RunState.INTERRUPTED) await sleep(50);
    while ((await get()).waiting[0]?.service !== 'work queue') await sleep(50);
    expect((await get()).waiting).toMatchObject([{ what: 'attempt 2 of 8', retries: 1 }]);
    await client.cancelRun({ runId: id });
    expect((await ended(client, id)).waiting).toEqual([]);
  } finally {
    await pipeline.close();
  }
});

it('a run whose teacher waits itself says for what the teacher waits', async () => {
  const home = place.at('chain');
  const loader = await replica('data-loader', home, {});
  // Its own loader is there for the trainer: only the teacher waits for the other one.
  const teacher = await replica('teacher-inference', home, {
    MCLD_DATA_LOADER: loader.address,
    MCLD_WAIT_SECONDS: '0.2',
  });
  const pipeline = await TestPipeline.start({
    home,
    settings: { MCLD_TEACHER_INFERENCE: teacher.address, MCLD_WAIT_SECONDS: '2' },
  });
  const { client } = pipeline;
  try {
    const first = await runToEnd(client, quickRecipe(place.data, { epochs: 1, evaluation: { everyEpochs: 0 } }));
    const student = { teacher: { run: first.id }, distiller: { name: 'kd' }, epochs: 400 };
    const { id } = await createRun(client, quickRecipe(place.data, { ...student, evaluation: { everyEpochs: 0 } }));
    const get = async () => (await client.getRun({ runId: id })).run!;
    while ((await get()).step < 3) await sleep(50);
    loader.child.process.kill('SIGSTOP');
    while (!(await get()).waiting.some(({ because }) => because !== '')) await sleep(50);
    const { waiting } = await get();
    expect(waiting).toMatchObject([{ service: 'teacher', what: 'logits', answer: 'answers' }]);
    expect(waiting[0]!.because).toMatch(/^for the data loader at \S+ \((views|plans)\), which does not answer/);
    loader.child.process.kill('SIGCONT');
    while ((await get()).waiting.length > 0) await sleep(50);
    await client.cancelRun({ runId: id });
    await ended(client, id);
  } finally {
    loader.child.process.kill('SIGCONT');
    await pipeline.close();
    for (const { child } of [teacher, loader]) await child.stop();
  }
});
