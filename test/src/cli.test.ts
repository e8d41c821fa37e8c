import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { smallCifar } from './support/data.js';
import { usePlace } from './support/place.js';
import { quickRecipe } from './support/runs.js';

const place = usePlace({ train: 64, test: 64 });
let count = 0;

async function attempt(recipe: unknown, ...more: string[]) {
  const file = place.at(`recipe-${++count}.json`);
  await writeFile(file, typeof recipe === 'string' ? recipe : JSON.stringify(recipe));
  return cli(['run', '-f', file, '--home', place.at(`home-${count}`), ...more]);
}

/** One or two lines without a stack trace, and a code that is not 0. */
function expectPlain(result: Awaited<ReturnType<typeof cli>>, code: number, message: string | RegExp) {
  const lines = result.stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('run ') && !line.startsWith('quick: '));
  expect(lines.join('\n')).toMatch(message);
  expect(lines.length).toBeLessThanOrEqual(2);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.code).toBe(code);
}

describe('bad input gets a plain message and an exit code', () => {
  it.each([
    ['an unknown key', { epocks: 3 }, /unknown key 'epocks'/],
    ['a wrong type', { epochs: 'three' }, /epochs: .*expected number, received string/],
    ['batch 0', { batchSize: 0 }, /batchSize: .*>=1 \(found 0\)/],
    [
      'tau 0',
      { distiller: { name: 'mcld', tauSample: 0 }, teacher: { digest: 'a'.repeat(64) } },
      /distiller.tauSample: .*>0 \(found 0\)/,
    ],
    [
      'a warm-up longer than the run',
      { distiller: { name: 'mcld', warmupEpochs: 5 }, teacher: { digest: 'a'.repeat(64) } },
      /distiller.warmupEpochs: must not be longer than the run's 2 epochs/,
    ],
    [
      'a missing teacher',
      { distiller: { name: 'mcld', warmup: 'none' } },
      /teacher: is missing: the distiller mcld needs one/,
    ],
  ])('%s', async (_name, changes, message) => {
    expectPlain(await attempt(quickRecipe(place.data, changes)), 2, message);
  });

  it('a recipe that is no YAML, or not there', async () => {
    expectPlain(await attempt('a: ['), 2, /no valid YAML/);
    expectPlain(await cli(['run', '-f', '/nonexistent.yaml']), 2, /cannot read the recipe \/nonexistent\.yaml/);
  });

  it('a teacher that was not imported', async () => {
    const recipe = quickRecipe(place.data, { teacher: { digest: 'a'.repeat(64) } });
    expectPlain(await attempt(recipe), 3, /no teacher a{64} has been imported/);
  });

  it('weights of another model, by the first tensor that differs', async () => {
    const file = place.at('teacher.safetensors');
    await writeFile(file, encodeSafetensors(initialState('resnet8', 100, 0), {}));
    const recipe = quickRecipe(place.data, { teacher: { file, model: 'resnet8x4' } });
    expectPlain(
      await attempt(recipe),
      2,
      /resnet8x4 has conv1\.weight \[32, 3, 3, 3\], but the weights have it as \[16, 3, 3, 3\]/,
    );
  });

  it('a data set that is missing, or truncated', async () => {
    expectPlain(
      await attempt(quickRecipe(place.at('nowhere'))),
      3,
      /^mcld: dataset\.root: no file .*train\.bin; get it with 'mcld data fetch cifar-100'.*$/,
    );
    const cut = place.at('cut');
    await mkdir(cut);
    const copy = await smallCifar(cut, 64, 64);
    await truncate(path.join(copy, 'train.bin'), 5000);
    expectPlain(await attempt(quickRecipe(copy)), 1, /train\.bin has 5000 bytes, .*truncated or padded/);
  });

  it('a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const result = await cli(['serve', 'data-loader'], { MCLD_PORT: String(port), MCLD_LOG_LEVEL: 'silent' });
      expectPlain(result, 2, new RegExp(`127\\.0\\.0\\.1:${port} is taken by another program`));
    } finally {
      server.close();
    }
  });

  it('NATS and MinIO that are not reachable', async () => {
    const quiet = { MCLD_LOG_LEVEL: 'silent', MCLD_PORT: '0' };
    expectPlain(
      await cli(['serve', 'pipeline'], { ...quiet, MCLD_NATS_URL: 'nats://127.0.0.1:9' }),
      4,
      /NATS at nats:\/\/127\.0\.0\.1:9: .*is a nats-server/,
    );
    const s3 = {
      MCLD_S3_ENDPOINT: 'http://127.0.0.1:9',
      MCLD_S3_ACCESS_KEY: 'a',
      MCLD_S3_SECRET_KEY: 'not-to-be-shown',
    };
    const result = await cli(['serve', 'pipeline'], { ...quiet, ...s3 });
    expectPlain(result, 4, /S3 at http:\/\/127\.0\.0\.1:9: cannot open bucket mcld/);
    expect(result.stderr).not.toContain('not-to-be-shown');
  });

  it('an endpoint where nobody answers, a run that is not there, a command that is none', async () => {
    expectPlain(await cli(['ls', '--endpoint', '127.0.0.1:9']), 4, /127\.0\.0\.1:9/);
    expectPlain(await cli(['get', 'nobody', '--home', place.at('empty')]), 3, /no run nobody/);
    expect((await cli(['destil'])).code).toBe(2);
  });
});

describe('catalogues', () => {
  it('list models and distillers as JSON', async () => {
    const models = JSON.parse((await cli(['models', '--json'])).stdout) as { name: string; parameters: number }[];
    expect(models.find(({ name }) => name === 'resnet20')?.parameters).toBe(278_324);
    const distillers = JSON.parse((await cli(['distillers', '--json'])).stdout) as { name: string }[];
    expect(distillers.map(({ name }) => name)).toContain('mcld');
  });
});
