/** What a run will need is opened before its first step: refused when it is made, or before it begins. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addressSetting, type ServiceName, services } from '@mcld/cli/services.js';
import { RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { openAdapters } from '@mcld/platform/adapters.js';
import { readConfig } from '@mcld/platform/config.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { createLogger } from '@mcld/platform/logging.js';
import type { RunningService } from '@mcld/platform/service-host.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { createRun, ended, type PipelineClient, pipelineAt, quickRecipe, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 64, test: 32 });

const photographs = path.join(projectRoot, 'samples/tiny-imagenet-200/train');
const kinds = ['n01443537', 'n01641577', 'n01855672'] as const;
const photograph = (kind: string) => path.join(photographs, kind, 'images', `${kind}_0.JPEG`);

/** A folder of images, one a class, in the named splits. */
async function imageFolder(name: string, splits: Readonly<Record<string, number>>): Promise<string> {
  const root = place.at(name);
  for (const [split, classes] of Object.entries(splits)) {
    for (const kind of kinds.slice(0, classes)) {
      await mkdir(path.join(root, split, kind), { recursive: true });
      await cp(photograph(kind), path.join(root, split, kind, 'a.jpg'));
    }
  }
  return root;
}

/** Shards whose classes are counted by their labels. */
async function shards(name: string, splits: Readonly<Record<string, number>>): Promise<string> {
  const root = place.at(name);
  await mkdir(root);
  for (const [split, classes] of Object.entries(splits)) {
    const names: string[] = [];
    for (const [label, kind] of kinds.slice(0, classes).entries()) {
      await cp(photograph(kind), path.join(root, `${kind}.jpg`));
      await writeFile(path.join(root, `${kind}.cls`), String(label));
      names.push(`${kind}.jpg`, `${kind}.cls`);
    }
    await create({ file: path.join(root, `${split}-0.tar`), cwd: root, portable: true }, names);
  }
  return root;
}

const folderRecipe = (root: string, changes: Record<string, unknown> = {}) =>
  quickRecipe(root, { dataset: { name: 'image-folder', root, size: 32 }, epochs: 1, ...changes });

describe('CreateRun', () => {
  const pipeline = usePipeline(place);

  /** The status, message and fields by which a recipe is refused; no run is left. */
  async function refusal(recipe: Record<string, unknown>) {
    const before = (await pipeline.client.listRuns({})).runs.length;
    const error = await createRun(pipeline.client, recipe).catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(RemoteError);
    expect((await pipeline.client.listRuns({})).runs).toHaveLength(before);
    const { status, message, fields } = error as RemoteError;
    return { status, message, fields: fields.map(({ field }) => field) };
  }

  it('refuses a folder without a test split', async () => {
    const root = await imageFolder('no-val', { train: 2 });
    expect(await refusal(folderRecipe(root))).toEqual({
      status: 'NOT_FOUND',
      message: expect.stringMatching(/^dataset\.root: .*no-val has no split 'test'; expected test\/<class>\/ or val/),
      fields: ['dataset.root'],
    });
  });

  it('refuses a test split with a class that the training split lacks', async () => {
    const root = await shards('other-classes', { train: 2, val: 3 });
    const recipe = quickRecipe(root, { dataset: { name: 'webdataset', root, size: 32 } });
    expect(await refusal(recipe)).toEqual({
      status: 'DATA_LOSS',
      message: `dataset.root: ${root}: a sample of split 'test' is of class 2, but the training split has none of it`,
      fields: ['dataset.root'],
    });
    await writeFile(path.join(root, 'classes.txt'), 'goldfish\nbullfrog\ngoose\n');
    expect((await runToEnd(pipeline.client, recipe)).metrics?.count).toBe(3);
  });

  it('refuses transfer sets that are missing, without a test split or of a size that does not suit, each by its place', async () => {
    const half = await imageFolder('half', { train: 2 });
    const whole = await imageFolder('whole', { train: 2, val: 2 });
    const nowhere = place.at('nowhere');
    const transfer = [
      { name: 'image-folder', root: whole },
      { name: 'stl-10', root: nowhere },
      { name: 'image-folder', root: half },
      { name: 'image-folder', root: whole, size: 40, resize: 36 },
    ];
    expect(await refusal(quickRecipe(place.data, { evaluation: { transfer } }))).toEqual({
      status: 'NOT_FOUND',
      message: [
        `evaluation.transfer[1].root: no file ${nowhere}/train_X.bin; get it with 'mcld data fetch stl-10', or name its folder as the root`,
        `evaluation.transfer[2].root: ${half} has no split 'test'; expected test/<class>/ or val/<class>/ or validation/<class>/ or valid/<class>/ with images in it, found train`,
        'evaluation.transfer[3].resize 36: expected 0 or at least evaluation.transfer[3].size 40',
      ].join('\n'),
      fields: ['evaluation.transfer[1].root', 'evaluation.transfer[2].root', 'evaluation.transfer[3].resize'],
    });
  });

  it.each([
    [
      'of another size than the model’s',
      { model: 'deit_tiny_patch4_32', dataset: { size: 48 } },
      'dataset.size: images are 48×48, but deit_tiny_patch4_32 takes 32×32',
    ],
    [
      'of which the model’s pooling leaves nothing',
      { model: 'vgg8', dataset: { size: 4 } },
      'dataset.size: images are 4×4, but vgg8 needs at least 8×8: of smaller ones its pooling leaves nothing',
    ],
    [
      'for a probe, of another size than the model’s',
      { model: 'deit_tiny_patch4_32', evaluation: { transfer: [{ name: 'cifar-100', root: 'ITSELF', size: 16 }] } },
      'evaluation.transfer[0].size: images are 16×16, but deit_tiny_patch4_32 takes 32×32',
    ],
    [
      'of more bytes than a batch may have',
      { dataset: { size: 512 }, batchSize: 1024 },
      'batchSize: 1024 images are 805306368 bytes; at most 536870912 are sent',
    ],
  ])('refuses images %s', async (_name, changes, message) => {
    const dataset = { name: 'cifar-100', root: place.data, ...('dataset' in changes ? changes.dataset : {}) };
    const text = JSON.stringify({ ...quickRecipe(place.data), ...changes, dataset }).replace('ITSELF', place.data);
    const [field] = message.split(/:/) as [string];
    expect(await refusal(JSON.parse(text))).toEqual({ status: 'INVALID_ARGUMENT', message, fields: [field] });
  });

  it('refuses a teacher of other classes, and a precision that its classes do not allow', async () => {
    async function* file() {
      yield { model: 'resnet8', chunk: Buffer.from(encodeSafetensors(initialState('resnet8', 10, 1), {})) };
    }
    const { teacherDigest: digest } = await pipeline.client.importTeacher(file());
    const student = (changes: object) =>
      quickRecipe(place.data, { teacher: { digest }, distiller: { name: 'kd' }, ...changes });
    expect(await refusal(student({}))).toEqual({
      status: 'INVALID_ARGUMENT',
      message: 'teacher: the teacher has 10 classes, the data set 100',
      fields: ['teacher'],
    });
    const teacher = await runToEnd(pipeline.client, quickRecipe(place.data, { epochs: 1 }));
    expect(await refusal(student({ teacher: { run: teacher.id }, logitPrecision: 'topk:200' }))).toEqual({
      status: 'INVALID_ARGUMENT',
      message: 'logitPrecision topk:200: a row has 100 values, expected a smaller N',
      fields: ['logitPrecision'],
    });
  });

  it('answers a retry of a known request although the data have gone since, and refuses a new one', async () => {
    const root = await imageFolder('gone', { train: 2, val: 2 });
    const first = await createRun(pipeline.client, folderRecipe(root), 'once');
    await rm(root, { recursive: true });
    expect((await createRun(pipeline.client, folderRecipe(root), 'once')).id).toBe(first.id);
    // The loader has the folder open still, but looks again for a new run.
    expect(await refusal(folderRecipe(root))).toEqual({
      status: 'NOT_FOUND',
      message: `dataset.root: cannot find the folder ${root}: no such file or directory`,
      fields: ['dataset.root'],
    });
    await ended(pipeline.client, first.id);
  });

  it('lets the command end with the code of what is wrong', async () => {
    const attempt = async (recipe: object) => {
      const file = place.at('refused.json');
      await writeFile(file, JSON.stringify(recipe));
      const { code, stdout, stderr } = await cli(['run', '-f', file, '--endpoint', pipeline.endpoint]);
      return { code, stdout, stderr: stderr.replaceAll(place.folder, '') };
    };
    expect(await attempt(folderRecipe(await imageFolder('no-test', { train: 2 })))).toEqual({
      code: 3,
      stdout: '',
      stderr: `mcld: dataset.root: /no-test has no split 'test'; expected test/<class>/ or val/<class>/ or validation/<class>/ or valid/<class>/ with images in it, found train\n`,
    });
    expect(
      await attempt(
        quickRecipe(place.data, { model: 'vgg8', dataset: { name: 'cifar-100', root: place.data, size: 7 } }),
      ),
    ).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'mcld: dataset.size: images are 7×7, but vgg8 needs at least 8×8: of smaller ones its pooling leaves nothing\n',
    });
    const none = await cli(['report', 'nobody', '--endpoint', pipeline.endpoint]);
    expect([none.code, none.stderr]).toEqual([
      3,
      'mcld: run nobody has no report: it has none before its last evaluation\n',
    ]);
  });
});

describe('the trainer', () => {
  /** The services, each started when it is asked for. */
  async function parts(name: string) {
    const folder = place.at(name);
    await mkdir(folder);
    const addressOf = (service: string) => `unix://${path.join(folder, `${service}.sock`)}`;
    const config = readConfig({
      MCLD_HOME: folder,
      MCLD_CACHE_DIR: path.join(folder, 'cache'),
      MCLD_DATA_ANYWHERE: 'true',
      ...Object.fromEntries(Object.entries(addressSetting).map(([service, setting]) => [setting, addressOf(service)])),
    });
    const logger = createLogger('test', 'silent');
    const adapters = await openAdapters(config, logger, parseRecipe);
    const running = new Map<ServiceName, RunningService>();
    const start = async (...names: ServiceName[]) => {
      for (const service of names)
        running.set(service, await services[service]({ config, logger, adapters, listen: addressOf(service) }));
    };
    const stop = async (service: ServiceName) => {
      await running.get(service)?.drain();
      running.delete(service);
    };
    await start('pipeline');
    const open = pipelineAt(addressOf('pipeline'));
    const close = async () => {
      open.close();
      for (const service of [...running.keys()].reverse()) await stop(service);
      await adapters.close();
    };
    return { client: open.client, start, stop, close };
  }

  /** What a run says that never began. */
  async function unbegun(client: PipelineClient, id: string): Promise<string> {
    const seen: string[] = [];
    for await (const { kind, run } of client.watchRun({ runId: id })) {
      seen.push(kind);
      if (!run) continue;
      expect(seen).toEqual(['created', 'failed']);
      expect([run.state, run.step, run.attempt]).toEqual([RunState.FAILED, 0, 1]);
      return run.error;
    }
    throw new Error('the stream ended before the run');
  }

  it('refuses before its first step what could not be seen when the run was made, until it is there', async () => {
    const { client, start, close } = await parts('away');
    const root = await imageFolder('unseen', { train: 2 });
    // Neither loader nor teacher is there: that is not a fault of the recipe.
    const run = await createRun(client, folderRecipe(root));
    expect(run.state).toBe(RunState.QUEUED);
    await start('data-loader', 'teacher-inference', 'evaluator', 'student-trainer');
    expect(await unbegun(client, run.id)).toBe(
      `dataset.root: ${root} has no split 'test'; expected test/<class>/ or val/<class>/ or validation/<class>/ or valid/<class>/ with images in it, found train`,
    );
    // Once it is there, the run can be taken up.
    await imageFolder('unseen', { val: 2 });
    await client.resumeRun({ runId: run.id });
    expect(await ended(client, run.id)).toMatchObject({ state: RunState.SUCCEEDED, attempt: 2, error: '' });
    await close();
  });

  it('refuses before its first step what has gone since', async () => {
    const { client, start, stop, close } = await parts('gone-since');
    const root = await imageFolder('removed', { train: 2, val: 2 });
    const transfer = [
      { name: 'cifar-100', root: place.data },
      { name: 'image-folder', root },
    ];
    await start('data-loader', 'teacher-inference');
    const { id } = await createRun(client, quickRecipe(place.data, { evaluation: { transfer } }));
    await rm(path.join(root, 'val'), { recursive: true });
    await stop('data-loader');
    await start('data-loader', 'evaluator', 'student-trainer');
    expect(await unbegun(client, id)).toMatch(
      /^evaluation\.transfer\[1\]\.root: .*removed has no split 'test'; expected/,
    );
    await close();
  });

  it('trains once all is there', async () => {
    const { client, start, close } = await parts('there');
    const { id } = await createRun(client, quickRecipe(place.data, { epochs: 1 }));
    await start('data-loader', 'teacher-inference', 'evaluator', 'student-trainer');
    expect((await ended(client, id)).state).toBe(RunState.SUCCEEDED);
    await close();
  });
});
