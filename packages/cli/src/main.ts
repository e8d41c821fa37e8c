#!/usr/bin/env node
import { Command } from 'commander';
import { addCacheCommands } from './commands/cache.js';
import { addCatalogCommands } from './commands/catalog.js';
import { addDataCommands } from './commands/data.js';
import { addDemoCommand } from './commands/demo.js';
import { addDevCommands } from './commands/dev.js';
import { addExportCommand } from './commands/export.js';
import { addRunCommands } from './commands/runs.js';
import { addServeCommands } from './commands/serve.js';
import { explain } from './failures.js';

// A reader that has seen enough (`mcld models | head`) ends our output, not the current work.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const program = new Command('mcld')
  .description('knowledge distillation as a pipeline of services')
  .version('0.1.0')
  .showHelpAfterError("('mcld --help' lists the commands)");

// Before any subcommand, which inherits it.
program.exitOverride((error) => {
  // commander's usage errors end with 1; here 2 says that the command line is wrong.
  process.exit(error.exitCode === 0 ? 0 : 2);
});

const common = (command: Command): Command =>
  command
    .option(
      '--endpoint <address>',
      "a pipeline's address (or MCLD_ENDPOINT); without it the home's: this process, or the one that works there",
    )
    .option('--home <dir>', 'folder of runs where no endpoint is named (or MCLD_HOME)')
    .option('--json', 'print JSON');

addDemoCommand(program);
addRunCommands(program, common);
addExportCommand(program, common);
addCacheCommands(program, common);
addServeCommands(program);
addDevCommands(program);
addCatalogCommands(program, addDataCommands(program));

try {
  await program.parseAsync();
} catch (error) {
  const { message, code } = explain(error);
  process.stderr.write(`mcld: ${message}\n`);
  process.exitCode = code;
}
