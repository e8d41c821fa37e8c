import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asRunId } from '@mcld/platform/ids.js';
import { reportKey } from '@mcld/platform/object-keys.js';
import { FileObjectStore } from '@mcld/platform/storage/file-object-store.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { keepReport, keptReport } from './kept-reports.js';

const run = asRunId('mcld-0a1453c646');
const key = reportKey(run, 'report.json');
const text = await readFile(path.join(import.meta.dirname, '../../fixtures/report.json'), 'utf8');
let store: FileObjectStore;

beforeEach(async () => {
  store = new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-reports-')));
});

const keptText = async () => Buffer.from((await store.get(key))!).toString();

describe('the report of a run', () => {
  it('of an earlier build is read, and written as it was', async () => {
    await store.put(key, Buffer.from(text));
    const report = await keptReport(store, run);
    await keepReport(store, run, report!);
    expect(await keptText()).toBe(text);
    expect(Buffer.from((await store.get(reportKey(run, 'report.html')))!).toString()).toContain('<td>resnet8</td>');
  });

  it('is not there before the last evaluation', async () => {
    expect(await keptReport(store, run)).toBeUndefined();
  });

  it('is read without the files that are not used, which builds before did not note', async () => {
    const { dataset, ...rest } = JSON.parse(text);
    const { passedOver: _, ...before } = dataset;
    await store.put(key, Buffer.from(JSON.stringify({ ...rest, dataset: before })));
    expect((await keptReport(store, run))?.dataset).toEqual(before);
  });

  it.each([
    ['"crossEntropy": 2.8036903886408586', '"crossEntropy": null', 'metrics.crossEntropy: expected a number'],
    ['"mode": "cached"', '"mode": "live"', 'transfer[0].mode: Invalid input: expected "cached"'],
    ['"schema": "mcld.report/1"', '"schema": "mcld.report/2"', 'schema: Invalid input: expected "mcld.report/1"'],
    ['"label": "turtle"', '"label": 7', 'examples[0].label: Invalid input: expected string'],
  ])('is refused by its key and field where it is damaged: %s', async (whole, damaged, message) => {
    expect(text).toContain(whole);
    await store.put(key, Buffer.from(text.replace(whole, damaged)));
    await expect(keptReport(store, run)).rejects.toThrow(`${key} cannot be read: ${message}`);
  });
});
