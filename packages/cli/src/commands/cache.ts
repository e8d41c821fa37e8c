import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openSegmentFolder, type SegmentFolder, type StoredLogits } from '@mcld/logit-store/segment-folder.js';
import { verifyStore } from '@mcld/logit-store/verify.js';
import { openObjectStore } from '@mcld/platform/adapters.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { createLogger } from '@mcld/platform/logging.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { withConnection } from '../connection.js';
import { homeFolder } from '../embedded.js';
import { CliError, Exit } from '../exit.js';
import { table } from '../table.js';
import { type CommonOptions, placedRecipe, print, printJson, recipeOf, repeated, wholeNumber } from './common.js';

const MEGABYTE = 2 ** 20;

/** The segments on this disk: those of `--home`, or what a teacher caches of S3 here. */
async function openSegments(options: CommonOptions): Promise<SegmentFolder> {
  const config = readConfig({ ...process.env, MCLD_HOME: homeFolder(options.home) });
  const objects = await openObjectStore(config);
  return openSegmentFolder(config, { objects }, createLogger('mcld', 'silent'));
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);

async function list(options: CommonOptions): Promise<void> {
  const stores = (await openSegments(options)).stored();
  if (options.json) return printJson(stores);
  print(
    table(
      ['teacher', 'data', 'MiB', 'segments', 'last used'],
      stores.map(({ teacher, data, bytes, segments, lastUsed }) => [
        teacher.slice(0, 12),
        data.slice(0, 12),
        megabytes(bytes),
        String(segments),
        lastUsed.toISOString().slice(0, 19).replace('T', ' '),
      ]),
    ),
  );
}

async function verify(options: CommonOptions): Promise<void> {
  const segments = await openSegments(options);
  const results = [];
  for (const store of segments.stored()) results.push({ ...store, ...(await verifyStore(segments, store)) });
  if (options.json) printJson(results);
  else {
    for (const { teacher, data, rows, damagedRows, refused, precision, identities } of results) {
      print(`${teacher.slice(0, 12)} ${data.slice(0, 12)}: ${rows} rows (${precision}), ${damagedRows} damaged`);
      for (const reason of refused) print(`  refused: ${reason}`);
      if (identities.length > 1) print(`  computed by more than one kind of machine: ${identities.join('; ')}`);
    }
  }
  const bad = results.filter(({ damagedRows, refused }) => damagedRows > 0 || refused.length > 0);
  if (bad.length > 0)
    throw new CliError(
      `${bad.length} of ${results.length} stores hold damaged rows; they are computed again when needed`,
    );
}

interface CollectOptions extends CommonOptions {
  readonly maxMb?: number;
  readonly teacher?: string;
}

/** Also beside a teacher at work: what it has mapped it goes on reading, and at its next stream it starts over. */
async function collect(options: CollectOptions): Promise<void> {
  const segments = await openSegments(options);
  const limit = options.maxMb === undefined ? segments.limitBytes : options.maxMb * MEGABYTE;
  const stores = segments.stored();
  let total = stores.reduce((sum, { bytes }) => sum + bytes, 0);
  const removed: StoredLogits[] = [];
  for (const store of stores) {
    const isDue = options.teacher ? store.teacher.startsWith(options.teacher) : total > limit;
    if (!isDue) continue;
    await segments.remove(store);
    removed.push(store);
    total -= store.bytes;
  }
  const freed = removed.reduce((sum, { bytes }) => sum + bytes, 0);
  if (options.json) printJson({ removed, bytes: total });
  else print(`${removed.length} stores removed, ${megabytes(freed)} MiB; ${megabytes(total)} MiB are left`);
}

interface WarmOptions extends CommonOptions {
  readonly file: string;
  readonly set: string[];
  readonly epochs?: number;
}

async function warm(options: WarmOptions): Promise<void> {
  const recipe = await recipeOf(options.file, options.set);
  if (!recipe.teacher) throw new CliError(`${options.file}: the recipe names no teacher`, Exit.usage);
  await withConnection({ ...options, use: 'lasting' }, async (connection, signal) => {
    const resolved = await placedRecipe(connection, recipe, options);
    const { teacherDigest } = await connection.client.resolveTeacher({ recipe: resolved });
    const config = readConfig();
    const { client, close } = openClient(TeacherInferenceServiceDefinition, connection.teacher, config);
    const bar = new SingleBar(
      { format: 'logits {bar} {percentage}% | step {value} of {total} | {eta_formatted} left', stream: process.stderr },
      Presets.shades_classic,
    );
    const shown = process.stderr.isTTY && !options.json;
    let last = { steps: 0, totalSteps: 0, computedViews: 0 };
    try {
      const { train } = teacherChecks(resolved);
      await client.checkTeacher({ teacherDigest, ...train });
      const { spec, precision } = train;
      const request = { teacherDigest, spec, precision, epochs: options.epochs ?? recipe.epochs };
      for await (const progress of client.warmRows(request, { signal })) {
        if (shown && last.steps === 0) bar.start(progress.totalSteps, progress.steps);
        else if (shown) bar.update(progress.steps);
        last = progress;
      }
    } finally {
      if (shown) bar.stop();
      close();
    }
    if (options.json) printJson({ teacherDigest, ...last });
    else print(`${teacherDigest}: ${last.steps} steps stored, ${last.computedViews} views computed`);
  });
}

export function addCacheCommands(program: Command, common: (command: Command) => Command): void {
  const cache = program.command('cache').description("teachers' stored logits");
  const local = (command: Command) =>
    command.option('--home <dir>', 'folder of the pipeline (or MCLD_HOME)').option('--json', 'print JSON');
  local(cache.command('ls').description('list what is stored on this disk')).action(list);
  local(cache.command('verify').description('check every stored row; exit 1 where one is damaged')).action(verify);
  local(cache.command('gc').description('remove what was used longest ago'))
    .option('--max-mb <n>', 'most MiB that stay (MCLD_LOGIT_STORE_MB)', wholeNumber)
    .option('--teacher <digest>', "instead: this teacher's (a beginning of its digest)")
    .action(collect);
  common(cache.command('warm').description("compute and store a recipe's teacher logits ahead of its run"))
    .requiredOption('-f, --file <recipe.yaml>', 'the recipe')
    .option('--set <path=value>', 'change a field of the recipe (repeatable)', repeated, [])
    .option('--epochs <n>', "instead of the recipe's", wholeNumber)
    .action(warm);
}
