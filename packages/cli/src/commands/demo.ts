import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReportFormat } from '@mcld/contracts/mcld/v1/evaluator.js';
import type { Run } from '@mcld/contracts/mcld/v1/pipeline.js';
import { parseDocument } from '@mcld/platform/documents.js';
import { type Report, reportSchema } from '@mcld/platform/runs/report.js';
import { readRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { Command } from 'commander';
import { z } from 'zod';
import { Cluster } from '../cluster/cluster.js';
import { type Connection, withConnection } from '../connection.js';
import { verdict } from '../demo-verdict.js';
import { CliError, Exit } from '../exit.js';
import { followRun } from '../follow.js';
import { writeOutput } from '../output-file.js';
import { withRoots } from '../recipe-roots.js';
import { stateName } from '../run-state.js';
import { percent, table } from '../table.js';
import { placedRecipe, present, print, printJson } from './common.js';
import { fetchReport } from './runs.js';

interface DemoOptions {
  readonly out: string;
  readonly data?: string;
  readonly set: string[];
  readonly trainTeacher?: boolean;
  readonly cluster?: boolean;
  readonly json?: boolean;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Students by distiller, in the order in which they are expected to rise. */
const students = ['ce', 'kd', 'mcld'] as const;

/** Trains students of equal budget on one teacher, and compares them. */
async function demo(options: DemoOptions): Promise<void> {
  const out = path.resolve(options.out);
  await mkdir(out, { recursive: true });
  if (!options.cluster) {
    return withConnection({ home: path.join(out, 'home') }, (connection, signal) =>
      distil(connection, signal, out, options),
    );
  }
  const cluster = await Cluster.start({ folder: path.join(out, 'cluster'), dataDir: root });
  try {
    await withConnection({ endpoint: cluster.endpoint }, (connection, signal) =>
      distil(connection, signal, out, options),
    );
  } finally {
    await cluster.stop();
  }
}

async function distil(connection: Connection, signal: AbortSignal, out: string, options: DemoOptions): Promise<void> {
  const begun = performance.now();
  const start = async (name: string, teacherRun?: string): Promise<Run> => {
    const recipe = await placedRecipe(connection, await recipeOfDemo(name, options, teacherRun), options);
    const created = present((await connection.client.createRun({ requestId: randomUUID(), recipe })).run);
    const ended = await followRun(connection.client, created, signal, { quiet: options.json === true });
    if (!ended) throw interrupted(created, connection, options);
    if (stateName(ended) !== 'succeeded') throw new CliError(`run ${ended.id} ${stateName(ended)}: ${ended.error}`);
    return ended;
  };
  const teacher = options.trainTeacher ? await start('teacher') : undefined;
  const ended: Run[] = [];
  for (const name of students) ended.push(await start(name, teacher?.id));
  const runs = [...(teacher ? [teacher] : []), ...ended].map(({ id }) => id);
  const page = path.join(out, 'report.html');
  await writeOutput(page, await fetchReport(connection.client, runs, ReportFormat.HTML));
  const document = await fetchReport(connection.client, runs, ReportFormat.JSON);
  await writeOutput(path.join(out, 'report.json'), document);
  const reports = parseDocument('the report', document, z.array(reportSchema));
  const seconds = Math.round((performance.now() - begun) / 1000);
  const shown = verdict(reports.slice(-students.length).map(({ name, metrics }) => ({ name, ...metrics })));
  if (options.json) return printJson({ seconds, report: page, runs: reports.map(summaryOf), verdict: shown });
  print(`\n${summaryTable(reports)}\n`);
  print(`in ${Math.floor(seconds / 60)} min ${seconds % 60} s; the report with the curves: ${page}\n`);
  print(shown);
}

/** A recipe of the demo with the options' changes, and with the teacher that was trained here, if any. */
async function recipeOfDemo(name: string, { data, set }: DemoOptions, teacherRun?: string): Promise<Recipe> {
  const text = await readFile(path.join(root, 'recipes/demo', `${name}.yaml`), 'utf8');
  const sets = data ? [`dataset.root=${path.resolve(data)}`, ...set] : set;
  // The samples lie in the project, wherever the command is given.
  const recipe = withRoots(readRecipe(text, sets), root);
  const { teacher } = recipe;
  if (!teacher || !('file' in teacher)) return recipe;
  const file = path.resolve(root, teacher.file);
  return { ...recipe, teacher: teacherRun ? { run: teacherRun } : { ...teacher, file } };
}

function interrupted(run: Run, connection: Connection, { cluster }: DemoOptions): CliError {
  const how = cluster
    ? 'start it again with a new --out'
    : `'npm run mcld -- resume ${run.id} --home ${connection.home}' goes on with it`;
  return new CliError(`stopped in run ${run.id}; ${how}`, Exit.interrupted);
}

const summaryOf = ({ run, name, model, metrics, modelSha256, transfer }: Report) => ({
  run,
  name,
  model,
  metrics,
  modelSha256,
  transfer,
});

function summaryTable(reports: readonly Report[]): string {
  const transfers = [
    ...new Map(reports.flatMap(({ transfer }) => transfer.map((t) => [t.dataset, t.standIn] as const))),
  ];
  const head = ['run', 'model', 'top-1', 'top-5', 'ECE', 'agrees with teacher', "teacher's top-1"];
  const columns = transfers.map(([name, standIn]) => `to ${name}${standIn ? ' (stand-in)' : ''}`);
  return table(
    [...head, ...columns],
    reports.map(({ name, model, metrics, transfer }) => [
      name,
      model,
      percent(metrics.top1),
      percent(metrics.top5),
      Number(metrics.ece).toFixed(3),
      percent(metrics.agreement),
      percent(metrics.teacherTop1),
      ...transfers.map(([dataset]) => percent(transfer.find((t) => t.dataset === dataset)?.top1)),
    ]),
  );
}

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('distil a ResNet-20 into ResNet-8 students on real photographs: by ce, kd and mcld')
    .option('--out <dir>', 'folder for runs and the report', 'mcld-demo')
    .option('--data <dir>', 'a CIFAR-100 of your own (binary version) instead of the sample')
    .option(
      '--set <path=value>',
      "change a field of each run's recipe (repeatable)",
      (v: string, all: string[]) => [...all, v],
      [],
    )
    .option('--train-teacher', 'train the teacher first, on the sample, instead of taking the one that comes along')
    .option('--cluster', 'five processes, nats-server and MinIO instead of one process')
    .option('--json', 'print the summary as JSON')
    .action(demo);
}
