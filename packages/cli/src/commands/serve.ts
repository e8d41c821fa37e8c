import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { openAdapters } from '@mcld/platform/adapters.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { createLogger } from '@mcld/platform/logging.js';
import { startTelemetry } from '@mcld/platform/telemetry.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { Argument, type Command } from 'commander';
import { placeOf, runsUnderWay } from '../connection.js';
import { hostHome } from '../home.js';
import { say } from '../say.js';
import { type ServiceName, serviceNames, services } from '../services.js';
import { print } from './common.js';

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const first = () => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) {
        process.off(name, first);
        process.once(name, () => process.exit(130));
      }
      resolve();
    };
    process.on('SIGINT', first);
    process.on('SIGTERM', first);
  });
}

async function serve(name: ServiceName): Promise<void> {
  const stopped = stopSignal();
  const config = readConfig();
  const logger = createLogger(name, config.MCLD_LOG_LEVEL);
  const stopTelemetry = await startTelemetry(`mcld-${name}`);
  const adapters = await openAdapters(config, logger, parseRecipe);
  const service = await services[name]({ config, logger, adapters });
  // For the process that started this one with MCLD_PORT=0.
  print(JSON.stringify({ service: name, address: service.address }));
  await stopped;
  logger.info('draining');
  await service.drain();
  await adapters.close();
  await stopTelemetry();
}

async function up(options: { home?: string; host: string; port: string }): Promise<void> {
  const stopped = stopSignal();
  const interruption = new AbortController();
  stopped.then(() => interruption.abort());
  const listen = { host: options.host, port: Number(options.port) };
  const pipeline = await hostHome({ listen, ...(options.home && { home: options.home }) }, interruption.signal);
  const place = placeOf(pipeline.home);
  print(`mcld is up at ${pipeline.endpoint}, its runs in ${pipeline.home}; Ctrl-C stops it`);
  print(`try:  mcld ls${place}   or, from elsewhere,   MCLD_ENDPOINT=${pipeline.endpoint} mcld ls`);
  await stopped;
  say('stopping: the current run is checkpointed');
  const { client, close } = openClient(PipelineServiceDefinition, pipeline.addresses.pipeline, readConfig());
  const stopping = await runsUnderWay(client).catch(() => []);
  close();
  for (const id of stopping) say(`run ${id} stops; 'mcld resume ${id}${place}' goes on with it`);
  await pipeline.close();
}

export function addServeCommands(program: Command): void {
  program
    .command('serve')
    .description('run one service; its settings are MCLD_* variables (docs/configuration.md)')
    .addArgument(new Argument('<service>').choices(serviceNames))
    .action(serve);
  program
    .command('up')
    .description('host all services in this process')
    .option('--home <dir>', 'folder for runs, checkpoints and logits')
    .option('--host <interface>', 'interface to listen on', '127.0.0.1')
    .option('--port <port>', 'port of the pipeline service; 0 takes a free one', '50050')
    .action(up);
}
