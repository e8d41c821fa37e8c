import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { ReportFormat } from '@mcld/contracts/mcld/v1/evaluator.js';
import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { wholeFile } from '@mcld/feeds/files.js';
import { jsonText } from '@mcld/platform/json.js';
import type { Command } from 'commander';
import { type Connection, type PipelineClient, withConnection } from '../connection.js';
import { CliError, Exit } from '../exit.js';
import { followRun } from '../follow.js';
import { lasts } from '../home.js';
import { writeOutput } from '../output-file.js';
import { runRows } from '../run-rows.js';
import { runJson, shareOf, stateName } from '../run-state.js';
import { say } from '../say.js';
import { table } from '../table.js';
import {
  type CommonOptions,
  followToEnd,
  placedRecipe,
  present,
  print,
  printJson,
  recipeOf,
  repeated,
  stopped,
  succeeded,
} from './common.js';

interface RunOptions extends CommonOptions {
  readonly file: string;
  readonly set: string[];
  readonly data?: string;
  readonly detach?: boolean;
  readonly requestId?: string;
}

async function run(options: RunOptions): Promise<void> {
  const overrides = options.data ? [`dataset.root=${path.resolve(options.data)}`, ...options.set] : options.set;
  const recipe = await recipeOf(options.file, overrides);
  // Chosen once: where the action is repeated, it is the same run.
  const requestId = options.requestId ?? randomUUID();
  await withConnection({ ...options, use: 'lasting' }, async (connection, signal) => {
    if (options.detach) assertOthersTrain(connection);
    const request = { requestId, recipe: await placedRecipe(connection, recipe, options) };
    const created = present((await connection.client.createRun(request)).run);
    if (options.detach) return printRun(created, options);
    const ended = await followToEnd(connection, created, signal, options);
    if (!options.json) print(summary(ended));
  });
}

/** @throws CliError for a run that would end with this command */
function assertOthersTrain({ home, owner }: Connection): void {
  if (home === undefined || (owner && lasts(owner))) return;
  throw new CliError(
    "--detach: nothing would train the run once this command has ended; start 'mcld up' first, or leave --detach out",
    Exit.usage,
  );
}

function printRun(run: Run, { json }: CommonOptions): void {
  if (json) printJson(runJson(run));
  else print(run.id);
}

function summary(run: Run): string {
  const entropy = run.metrics?.crossEntropy.toFixed(3) ?? '–';
  return `${run.id}: top-1 ${shareOf(run, 'top1')}, top-5 ${shareOf(run, 'top5')}, cross-entropy ${entropy}`;
}

async function list(options: CommonOptions): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    const runs = await allRuns(client);
    if (options.json) return printJson(runs.map(runJson));
    print(
      table(
        ['run', 'state', 'step', 'of', 'top-1', 'created'],
        runs.map((r) => [
          r.id,
          stateName(r),
          String(r.step),
          String(r.totalSteps),
          shareOf(r, 'top1'),
          r.createdAt?.toISOString().slice(0, 19).replace('T', ' ') ?? '',
        ]),
      ),
    );
  });
}

/** All runs; those whose records cannot be read are named on standard error. */
async function allRuns(client: PipelineClient): Promise<Run[]> {
  const runs: Run[] = [];
  let page = await client.listRuns({ pageSize: 500 });
  for (const line of page.unreadable) say(`not listed: ${line}`);
  for (;;) {
    runs.push(...page.runs);
    if (!page.nextPageToken) return runs;
    page = await client.listRuns({ pageSize: 500, pageToken: page.nextPageToken });
  }
}

async function get(id: string, options: CommonOptions): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    const run = present((await client.getRun({ runId: id })).run);
    if (options.json) return printJson(runJson(run));
    print(
      runRows(run, Date.now())
        .map(([name, value]) => `${name.padEnd(10)} ${value}`)
        .join('\n'),
    );
  });
}

async function watch(id: string, options: CommonOptions): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async (connection, signal) => {
    const { client, home, place } = connection;
    const run = present((await client.getRun({ runId: id })).run);
    if (home !== undefined && run.state === RunState.INTERRUPTED) {
      const { step, totalSteps } = run;
      const how = `'mcld resume ${id}${place}' goes on with it`;
      throw new CliError(`run ${id} is interrupted, after ${step} of ${totalSteps} steps; ${how}`);
    }
    const onEvent = options.json ? (event: object) => print(jsonText(event)) : undefined;
    // Once the reader of the output has gone (`watch --json | head`), nobody needs it.
    const unread = new AbortController();
    process.stdout.once('error', () => unread.abort());
    const until = AbortSignal.any([signal, unread.signal]);
    const ended = await followRun(client, run, until, onEvent ? { onEvent } : {});
    if (unread.signal.aborted) return;
    if (!ended) throw stopped(connection, id);
    succeeded(connection, ended);
    if (!options.json) print(summary(ended));
  });
}

async function cancel(id: string, options: CommonOptions): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    const cancelled = present((await client.cancelRun({ runId: id })).run);
    if (options.json) printJson(runJson(cancelled));
    else print(`${cancelled.id} ${stateName(cancelled)}`);
  });
}

async function resume(id: string, options: CommonOptions & { detach?: boolean }): Promise<void> {
  let isResumed = false;
  await withConnection({ ...options, use: 'lasting' }, async (connection, signal) => {
    if (options.detach) assertOthersTrain(connection);
    const { client } = connection;
    const { run: resumed } = isResumed ? await client.getRun({ runId: id }) : await client.resumeRun({ runId: id });
    isResumed = true;
    if (options.detach) return printRun(present(resumed), options);
    const ended = await followToEnd(connection, present(resumed), signal, options);
    if (!options.json) print(summary(ended));
  });
}

async function remove(id: string, options: CommonOptions): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    await client.deleteRun({ runId: id });
    if (options.json) printJson({ deleted: id });
    else print(`${id} deleted`);
  });
}

/** The report of runs as a document. */
export async function fetchReport(client: PipelineClient, runIds: string[], format: ReportFormat): Promise<Buffer> {
  const { bytes } = await wholeFile(client.getRunReport({ runIds, format }), ({ content }) => content, 'a report');
  return bytes;
}

async function report(ids: string[], options: CommonOptions & { out?: string }): Promise<void> {
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    const format = options.json ? ReportFormat.JSON : ReportFormat.HTML;
    const document = await fetchReport(client, ids, format);
    if (options.json && !options.out) return print(document.toString());
    const file = options.out ?? 'report.html';
    await writeOutput(file, document);
    print(file);
  });
}

export function addRunCommands(program: Command, common: (command: Command) => Command): void {
  common(program.command('run').description('make a run of a recipe and follow it'))
    .requiredOption('-f, --file <recipe.yaml>', 'the recipe')
    .option('--set <path=value>', 'change a field of the recipe (repeatable)', repeated, [])
    .option('--data <dir>', "the data set's folder, instead of the recipe's root")
    .option('--detach', "do not follow it, where others train it (an endpoint, or 'mcld up')")
    .option('--request-id <id>', 'makes a retry safe: the same id is the same run')
    .action(run);
  common(program.command('ls').description('list runs')).action(list);
  common(program.command('get <run>').description('show a run')).action(get);
  common(program.command('watch <run>').description('follow a run')).action(watch);
  common(program.command('cancel <run>').description('stop a run at its next step')).action(cancel);
  common(program.command('resume <run>').description('go on with a run at its newest checkpoint'))
    .option('--detach', "do not follow it, where others train it (an endpoint, or 'mcld up')")
    .action(resume);
  common(program.command('rm <run>').description('delete an ended run with its checkpoints')).action(remove);
  common(program.command('report <run...>').description('write the report of a run, or one that compares several'))
    .option('-o, --out <file>', 'where to (report.html; with --json: standard output)')
    .action(report);
}
