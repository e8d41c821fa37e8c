import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../documents.js';
import { asRunId } from '../ids.js';
import { jsonText } from '../json.js';
import { evaluationKey } from '../object-keys.js';
import { FileObjectStore } from '../storage/file-object-store.js';
import { evaluationOf, keepEvaluation, storedEvaluations } from './evaluations.js';
import { historySchema } from './history.js';
import { evaluationPointSchema } from './metrics.js';
import { readRunRecord } from './run-record.js';

const run = asRunId('r');
const fixture = (name: string) => readFile(path.join(import.meta.dirname, '../../fixtures', name), 'utf8');

const changed = (text: string, field: string, value: unknown) => {
  const content = JSON.parse(text);
  const parts = field.split('.');
  const last = parts.pop()!;
  parts.reduce((at, part) => at[part], content)[last] = value;
  return JSON.stringify(content);
};

const newStore = async () => new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-documents-')));

describe('a history', () => {
  it('of an earlier build is read, and written as it was', async () => {
    const text = await fixture('history.json');
    const history = parseDocument('history.json', text, historySchema);
    expect(history.epochs).toHaveLength(9);
    expect(`${JSON.stringify(history, null, 1)}\n`).toBe(text);
  });

  it.each([
    ['epochs.0.losses.ce', 'much', 'epochs[0].losses.ce: Invalid input: expected number, received string'],
    ['epochs.8.trainTop1', undefined, 'epochs[8].trainTop1: Invalid input: expected number, received undefined'],
    ['partial', undefined, 'partial: Invalid input: expected object, received undefined'],
  ])('is refused by its field: %s', async (field, value, message) => {
    const text = changed(await fixture('history.json'), field, value);
    expect(() => parseDocument('history.json', text, historySchema)).toThrow(`history.json cannot be read: ${message}`);
  });
});

describe('an evaluation', () => {
  it('of an earlier build is read, and written as it was', async () => {
    const text = await fixture('evaluation.json');
    const store = await newStore();
    await keepEvaluation(store, run, parseDocument('evaluation.json', text, evaluationPointSchema));
    expect(Buffer.from((await store.get(evaluationKey(run, 711)))!).toString()).toBe(text);
    expect((await storedEvaluations(store, run)).map(({ step }) => step)).toEqual([711]);
  });

  it('of a build that did not count diverged images is read as one without any', async () => {
    const text = changed(await fixture('evaluation.json'), 'nonFinite', undefined);
    expect(parseDocument('', text, evaluationPointSchema).nonFinite).toBe(0);
  });

  it.each([
    ['crossEntropy', 'lots', "crossEntropy: expected a number, 'NaN', 'Infinity' or '-Infinity'"],
    ['top1', null, 'top1: Invalid input: expected number, received null'],
    ['step', 1.5, 'step: Invalid input: expected int, received number'],
  ])('is refused by its key and field: %s', async (field, value, message) => {
    const store = await newStore();
    await store.put(evaluationKey(run, 711), Buffer.from(changed(await fixture('evaluation.json'), field, value)));
    await expect(evaluationOf(store, run, 711)).rejects.toThrow(
      `runs/r/reports/evaluation-000000000711.json cannot be read: ${message}`,
    );
  });
});

describe('the record of a run', () => {
  it('of an earlier build is read, and written as it was', async () => {
    const text = await fixture('run-record.json');
    const { record, revision } = JSON.parse(text);
    const read = readRunRecord('run-record.json', record, (recipe) => recipe);
    expect(`${jsonText({ record: read, revision }, 2)}\n`).toBe(text);
  });
});
