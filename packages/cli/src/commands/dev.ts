import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Cluster } from '../cluster/cluster.js';
import { readClusterFile, removeClusterFile, writeClusterFile } from '../cluster/cluster-file.js';
import { isAlive } from '../cluster/is-alive.js';
import { CliError, Exit } from '../exit.js';
import { print } from './common.js';
import { stopSignal } from './serve.js';

interface DevOptions {
  readonly folder: string;
  readonly data: string;
}

async function up({ folder, data }: DevOptions): Promise<void> {
  const running = await readClusterFile(folder);
  if (running && isAlive(running.supervisor)) {
    throw new CliError(
      `a cluster runs in ${folder} already (process ${running.supervisor}); stop it with 'mcld dev down'`,
      Exit.usage,
    );
  }
  const stopped = stopSignal();
  const cluster = await Cluster.start({ folder: path.resolve(folder), dataDir: path.resolve(data) });
  try {
    const children = Object.fromEntries(
      [...cluster.children].flatMap(
        ([
          name,
          {
            process: { pid },
          },
        ]) => (pid === undefined ? [] : [[name, pid]]),
      ),
    );
    await writeClusterFile(folder, { supervisor: process.pid, children });
    print(`cluster up: NATS ${cluster.environment.MCLD_NATS_URL}, S3 ${cluster.environment.MCLD_S3_ENDPOINT}`);
    print(`logs in ${path.join(path.resolve(folder), 'logs')}; Ctrl-C or 'mcld dev down' stops it`);
    print(`try:  mcld ls   with   MCLD_ENDPOINT=${cluster.endpoint}`);
    await stopped;
    process.stderr.write('stopping\n');
  } finally {
    await cluster.stop();
    await removeClusterFile(folder);
  }
}

async function down({ folder }: DevOptions): Promise<void> {
  const running = await readClusterFile(folder);
  if (!running) throw new CliError(`no cluster runs in ${folder}`, Exit.notFound);
  // Its supervisor stops the parts in order; where it died, they are stopped here.
  const pids = isAlive(running.supervisor) ? [running.supervisor] : Object.values(running.children).reverse();
  for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGTERM');
  for (let attempt = 0; attempt < 600 && pids.some(isAlive); attempt++) await sleep(100);
  await removeClusterFile(folder);
  print('cluster down');
}

export function addDevCommands(program: Command): void {
  const dev = program.command('dev').description('a cluster on this machine: nats-server, MinIO, five processes');
  const options = (command: Command) => command.option('--folder <dir>', 'its folder', '.mcld/cluster');
  options(dev.command('up').description('start it and hold it until Ctrl-C'))
    .option('--data <dir>', 'what relative data set roots count from', '.')
    .action(up);
  options(dev.command('down').description('stop one that runs elsewhere')).action(down);
}
