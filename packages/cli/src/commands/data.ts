import { type DatasetFacts, datasetFacts } from '@mcld/datasets/facts.js';
import { Presets, SingleBar } from 'cli-progress';
import { Argument, type Command } from 'commander';
import { CliError, Exit } from '../exit.js';
import { print, printJson } from './common.js';

const MEGABYTE = 1e6;

const sources = new Map(
  Object.entries<DatasetFacts>(datasetFacts).flatMap(([name, { source }]) => (source ? [[name, source]] : [])),
);

async function fetchCommand(name: string, { into, json }: { into: string; json?: boolean }): Promise<void> {
  const source = sources.get(name);
  if (!source) throw new CliError(`expected one of ${[...sources.keys()].join(', ')}, found ${name}`, Exit.usage);
  const { fetchDataset } = await import('@mcld/datasets/fetch/fetch.js');
  const terminal = process.stderr.isTTY && !json;
  const bar = new SingleBar(
    { format: `${name} {bar} {percentage}% | {value}/{total} MB | {eta_formatted} left`, stream: process.stderr },
    Presets.shades_classic,
  );
  let shown = -1;
  const onBytes = (done: number, total: number | undefined) => {
    const megabytes = Math.floor(done / MEGABYTE);
    if (megabytes === shown) return;
    if (terminal && shown < 0) bar.start(Math.ceil((total ?? 0) / MEGABYTE), megabytes);
    else if (terminal) bar.update(megabytes);
    else if (!json && megabytes % 20 === 0) process.stderr.write(`${name}: ${megabytes} MB\n`);
    shown = megabytes;
  };
  try {
    const folder = await fetchDataset(source, into, onBytes);
    if (json) printJson({ dataset: name, folder });
    else print(folder);
  } finally {
    if (terminal) bar.stop();
  }
}

/** @returns the `data` command, for its other subcommands */
export function addDataCommands(program: Command): Command {
  const data = program.command('data').description('data sets');
  data
    .command('fetch')
    .description("download a data set from its makers' site, verify and unpack it")
    .addArgument(new Argument('<data set>').choices([...sources.keys()].sort()))
    .option('--into <dir>', 'folder to put it in', 'data')
    .option('--json', 'print JSON')
    .action(fetchCommand);
  return data;
}
