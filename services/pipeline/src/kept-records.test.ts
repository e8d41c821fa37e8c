import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asRunId } from '@mcld/platform/ids.js';
import { FileRunStore } from '@mcld/platform/runs/file-run-store.js';
import { changeRun } from '@mcld/platform/runs/run-store.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { expect, it } from 'vitest';

const id = asRunId('mcld-0a1453c646');
const fixture = path.join(import.meta.dirname, '../../../packages/platform/fixtures/run-record.json');

async function storeWith(text: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'mcld-records-'));
  const file = path.join(folder, `${id}.json`);
  await writeFile(file, text);
  return { file, store: new FileRunStore(folder, parseRecipe) };
}

it('the record of an earlier build, with its recipe, is read and changed, and nothing else of it changes', async () => {
  const text = await readFile(fixture, 'utf8');
  const { file, store } = await storeWith(text);
  expect((await store.get(id))?.record.recipe.distiller.name).toBe('mcld');
  const changed = await changeRun(store, id, (record) => record);
  const expected = text
    .replace(/"updatedAt": ".*"/, `"updatedAt": "${changed?.updatedAt}"`)
    .replace('"revision": 166', '"revision": 167');
  expect(await readFile(file, 'utf8')).toBe(expected);
});

it('a record whose recipe is not taken any more is refused by its file and each field', async () => {
  const text = (await readFile(fixture, 'utf8')).replace('"resnet8"', '"lenet"').replace('"epochs": 10', '"epochs": 0');
  const { file, store } = await storeWith(text);
  const found = await store.get(id).catch((error: Error) => error.message);
  expect(found).toContain(`${file} cannot be read: recipe.model: `);
  expect(found).toContain('; recipe.epochs: ');
  expect(await store.list()).toMatchObject({ records: [], unreadable: [{ message: found }] });
});
