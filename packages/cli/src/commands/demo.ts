import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReportFormat } from '@mcld/contracts/mcld/v1/evaluator.js';
import type { Run } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readRecipe } from '@mcld/recipe/parse.js';
import type { Command } from 'commander';
import { Cluster } from '../cluster/cluster.js';
import { CliError, Exit } from '../exit.js';
import { followRun } from '../follow.js';
import { stateName } from '../run-state.js';
import { type Session, withSession } from '../session.js';
import { percent, table } from '../table.js';
import { present, print, printJson } from './common.js';
import { fetchReport } from './runs.js';

interface DemoOptions {
  readonly out: string;
  readonly data?: string;
  readonly set: string[];
  readonly cluster?: boolean;
  readonly json?: boolean;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** What the summary takes from a report; docs/report.md has the whole. */
interface ReportSummary {
  readonly run: string;
  readonly name: string;
  readonly model: string;
  readonly metrics: { readonly top1: number; readonly top5: number; readonly ece: number; readonly agreement?: number };
  readonly modelSha256: string;
  readonly transfer: readonly { readonly dataset: string; readonly standIn: string; readonly top1: number }[];
}

/** Trains a teacher, then two students of equal budget, and compares them. */
async function demo(options: DemoOptions): Promise<void> {
  const out = path.resolve(options.out);
  await mkdir(out, { recursive: true });
  if (!options.cluster) {
    return withSession({ home: path.join(out, 'home') }, (session, signal) => distil(session, signal, out, options));
  }
  const cluster = await Cluster.start({ folder: path.join(out, 'cluster'), dataDir: root });
  try {
    await withSession({ endpoint: cluster.endpoint }, (session, signal) => distil(session, signal, out, options));
  } finally {
    await cluster.stop();
  }
}

async function distil(session: Session, signal: AbortSignal, out: string, options: DemoOptions): Promise<void> {
  const begun = performance.now();
  const data = options.data ? { name: 'cifar-100', root: path.resolve(options.data) } : undefined;
  const start = async (name: string, teacher?: string): Promise<Run> => {
    const text = await readFile(path.join(root, 'recipes/demo', `${name}.yaml`), 'utf8');
    const sets = [
      ...(teacher ? [`teacher.run=${teacher}`] : []),
      ...(data ? [`dataset.root=${data.root}`] : []),
      ...options.set,
    ];
    const recipe = withRoots(readRecipe(text, sets));
    const created = present((await session.client.createRun({ requestId: randomUUID(), recipe })).run);
    const ended = await followRun(session.client, created, signal, { quiet: options.json === true });
    if (!ended) throw interrupted(created, session, options);
    if (stateName(ended) !== 'succeeded') throw new CliError(`run ${ended.id} ${stateName(ended)}: ${ended.error}`);
    return ended;
  };
  const teacher = await start('teacher');
  const students = [await start('ce', teacher.id), await start('mcld', teacher.id)];
  const runs = [teacher, ...students].map(({ id }) => id);
  const page = path.join(out, 'report.html');
  await writeFile(page, await fetchReport(session.client, runs, ReportFormat.HTML));
  const document = await fetchReport(session.client, runs, ReportFormat.JSON);
  await writeFile(path.join(out, 'report.json'), document);
  const reports = JSON.parse(document.toString()) as ReportSummary[];
  const seconds = Math.round((performance.now() - begun) / 1000);
  if (options.json) return printJson({ seconds, report: page, runs: reports.map(summaryOf) });
  print(`\n${summaryTable(reports)}\n`);
  print(`in ${Math.floor(seconds / 60)} min ${seconds % 60} s; the report with the curves: ${page}`);
}

/** The samples lie in the project, wherever the command is given. */
function withRoots<T extends ReturnType<typeof readRecipe>>(recipe: T): T {
  const absolute = <D extends { root: string }>(dataset: D): D => ({
    ...dataset,
    root: path.resolve(root, dataset.root),
  });
  const { dataset, evaluation } = recipe;
  return {
    ...recipe,
    dataset: absolute(dataset),
    evaluation: { ...evaluation, transfer: evaluation.transfer.map(absolute) },
  };
}

function interrupted(run: Run, session: Session, { cluster }: DemoOptions): CliError {
  const how = cluster
    ? 'start it again with a new --out'
    : `'npm run mcld -- resume ${run.id} --home ${session.home}' goes on with it`;
  return new CliError(`stopped in run ${run.id}; ${how}`, Exit.interrupted);
}

const summaryOf = ({ run, name, model, metrics, modelSha256, transfer }: ReportSummary) => ({
  run,
  name,
  model,
  metrics,
  modelSha256,
  transfer,
});

function summaryTable(reports: readonly ReportSummary[]): string {
  const transfers = [
    ...new Map(reports.flatMap(({ transfer }) => transfer.map((t) => [t.dataset, t.standIn] as const))),
  ];
  const head = ['run', 'model', 'top-1', 'top-5', 'ECE', 'agrees with teacher'];
  const columns = transfers.map(([name, standIn]) => `to ${name}${standIn ? ' (stand-in)' : ''}`);
  return table(
    [...head, ...columns],
    reports.map(({ name, model, metrics, transfer }) => [
      name,
      model,
      percent(metrics.top1),
      percent(metrics.top5),
      metrics.ece.toFixed(3),
      percent(metrics.agreement),
      ...transfers.map(([dataset]) => percent(transfer.find((t) => t.dataset === dataset)?.top1)),
    ]),
  );
}

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('distil a student on real photographs: a teacher, then students by ce and mcld')
    .option('--out <dir>', 'folder for runs and the report', 'mcld-demo')
    .option('--data <dir>', 'a CIFAR-100 of your own (binary version) instead of the sample')
    .option(
      '--set <path=value>',
      "change a field of each run's recipe (repeatable)",
      (v: string, all: string[]) => [...all, v],
      [],
    )
    .option('--cluster', 'five processes, nats-server and MinIO instead of one process')
    .option('--json', 'print the summary as JSON')
    .action(demo);
}
