import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { projectRoot } from './support/data.js';
import { usePlace } from './support/place.js';

const id = 'mcld-0a1453c646';
const damaged = 'mcld-ffffffffff';
const place = usePlace();
let home: string;
let report: string;

beforeAll(async () => {
  home = place.at('home');
  const record = await readFile(path.join(projectRoot, 'packages/platform/fixtures/run-record.json'), 'utf8');
  report = await readFile(path.join(projectRoot, 'services/evaluator/fixtures/report.json'), 'utf8');
  const reports = path.join(home, 'store/runs', id, 'reports');
  await mkdir(path.join(home, 'records'), { recursive: true });
  await mkdir(reports, { recursive: true });
  await writeFile(path.join(home, 'records', `${id}.json`), record);
  await writeFile(path.join(reports, 'report.json'), report);
  const torn = record.replaceAll(id, damaged).replace('"name": "mcld",\n    "requestId"', '"requestId"');
  await writeFile(path.join(home, 'records', `${damaged}.json`), torn);
});

describe('a home that an earlier build wrote', () => {
  it('is listed, and a record that is damaged is named beside it', async () => {
    const { stdout, stderr } = await cli(['ls', '--home', home, '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ id, state: 'succeeded', metrics: { top1: 0.3 } }]);
    const file = path.join(home, 'records', `${damaged}.json`);
    expect(stderr).toContain(`not listed: ${file} cannot be read: name: Invalid input: expected string`);
  });

  it('gives the report of a run as it was written', async () => {
    const { stdout } = await cli(['report', id, '--home', home, '--json']);
    expect(stdout).toBe(report);
  });

  it('says of a damaged run what is wrong with it, and deletes it', async () => {
    const refused = await cli(['get', damaged, '--home', home]);
    expect(refused.stderr).toContain(`${damaged}.json cannot be read: name: Invalid input`);
    expect(refused.code).toBe(1);
    expect((await cli(['rm', damaged, '--home', home])).stdout).toBe(`${damaged} deleted\n`);
    await expect(access(path.join(home, 'records', `${damaged}.json`))).rejects.toThrow('ENOENT');
    expect((await cli(['ls', '--home', home])).stderr).toBe('');
  });
});
