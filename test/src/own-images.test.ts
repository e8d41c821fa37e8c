/** A folder of one's own images: what of it is not used is told wherever a user looks. */
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace();
const pipeline = usePipeline(place);
let images: string;

const photo = path.join(projectRoot, 'samples/tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG');

/** 4 photographs of each of 2 classes, one of whose names is Latin-1, a split. */
async function folderOfImages(root: string): Promise<string> {
  const image = await readFile(photo);
  for (const name of ['train/caf\xe9', 'train/tea', 'val/caf\xe9', 'val/tea']) {
    const folder = `${root}/${name}`;
    await mkdir(Buffer.from(folder, 'latin1'), { recursive: true });
    for (let i = 0; i < 4; i++) await writeFile(Buffer.from(`${folder}/${i}.jpg`, 'latin1'), image);
  }
  await truncate(path.join(root, 'train/tea/3.jpg'), 200);
  await writeFile(path.join(root, 'train/tea/IMG_1.HEIC'), '');
  for (const n of [2, 3]) await truncate(path.join(root, `val/tea/${n}.jpg`), 200);
  return root;
}

const train = [
  { kind: 'damaged images', count: 1, names: ['train/tea/3.jpg'] },
  { kind: 'files ending in .heic', count: 1, names: ['train/tea/IMG_1.HEIC'] },
];
const test = [{ kind: 'damaged images', count: 2, names: ['val/tea/2.jpg', 'val/tea/3.jpg'] }];

beforeAll(async () => {
  images = await folderOfImages(place.at('images'));
});

describe('a folder of images of which not all is used', () => {
  it('is described so by the loader, and logged', async () => {
    const client = pipeline.loader;
    const dataset = { name: 'image-folder', root: images, size: 32, resize: 32, skipDamaged: true };
    const [a, b] = [
      await client.describeDataset({ dataset: { ...dataset, split: 'train' } }),
      await client.describeDataset({ dataset: { ...dataset, split: 'test' } }),
    ];
    expect([a.count, a.classNames, a.passedOver, a.skipped, a.skippedNames]).toEqual([
      7,
      ['caf\\xe9', 'tea'],
      train,
      1,
      ['train/tea/3.jpg'],
    ]);
    expect([b.count, b.passedOver, b.skipped]).toEqual([6, test, 2]);
    const log = (await readFile(path.join(pipeline.home, 'logs/mcld.log'), 'utf8')).trim().split('\n');
    const lines = log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'not all files are used');
    expect(lines.map(({ split, images, passedOver }) => [split, images, passedOver])).toEqual([
      ['train', 7, train],
      ['test', 6, test],
    ]);
  });

  it('is told by the command, and in the report', async () => {
    const recipe = place.at('recipe.yaml');
    const text = `name: own
dataset: { name: image-folder, root: ${images}, size: 32, resize: 32, skipDamaged: true }
model: resnet8
distiller: { name: ce }
optimizer: { lr: 0.01 }
batchSize: 4
epochs: 1
`;
    await writeFile(recipe, text);
    const endpoint = ['--endpoint', pipeline.endpoint];
    const { code, stdout, stderr } = await cli(['run', '-f', recipe, ...endpoint]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('own: succeeded')]);
    expect(stderr.split('\n').filter((line) => line.includes('not used'))).toEqual([
      'own: files of the train split that are not used: damaged images: 1 (train/tea/3.jpg); ' +
        'files ending in .heic: 1 (train/tea/IMG_1.HEIC)',
      'own: files of the test split that are not used: damaged images: 2 (val/tea/2.jpg, val/tea/3.jpg)',
    ]);
    const run = stdout.split(':')[0] as string;
    const json = JSON.parse((await cli(['report', run, '--json', ...endpoint])).stdout);
    expect(json.dataset).toMatchObject({
      trainImages: 7,
      testImages: 6,
      skipped: 1,
      passedOver: { train, test },
    });
    const page = place.at('report.html');
    await cli(['report', run, '-o', page, ...endpoint]);
    expect(await readFile(page, 'utf8')).toContain(
      'image-folder: files of the test split that are not used: damaged images: 2 (val/tea/2.jpg, val/tea/3.jpg).',
    );
  });
});
