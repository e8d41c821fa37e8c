import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readConfig } from '@mcld/platform/config.js';
import { jsonText } from '@mcld/platform/json.js';
import { readRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { InvalidArgumentError } from 'commander';
import { type Connection, runsUnderWay } from '../connection.js';
import { CliError, Exit } from '../exit.js';
import { followRun } from '../follow.js';
import { lasts } from '../home.js';
import { withRoots } from '../recipe-roots.js';
import { runJson, stateName } from '../run-state.js';
import { say } from '../say.js';
import { importTeacherOf } from '../teacher-file.js';

/** Options that every command about runs takes. */
export interface CommonOptions {
  readonly endpoint?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printJson = (value: unknown): void => print(jsonText(value, 2));

/** Values of an option that may be given several times. */
export const repeated = (value: string, before: string[]): string[] => [...before, value];

/** The value of an option that is a number, 0 or more. */
export function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('expected a whole number');
  return Number(value);
}

/** The recipe of a file, with `a.b=c` overrides. @throws CliError when it cannot be read, RecipeError */
export async function recipeOf(file: string, overrides: readonly string[]): Promise<Recipe> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CliError(`cannot read the recipe ${file}: ${error.message}`, Exit.usage);
  });
  return readRecipe(text, overrides);
}

/** The run of an answer; the contract says it is there. */
export function present(run: Run | undefined): Run {
  if (!run) throw new CliError('the pipeline answered without a run');
  return run;
}

/**
 * A recipe as the connection's pipeline can work on it: its teacher's files are sent, its data found from any folder.
 */
export function placedRecipe({ client, home }: Connection, recipe: Recipe, { json }: CommonOptions): Promise<Recipe> {
  const located = home === undefined ? recipe : withRoots(recipe, path.resolve(readConfig().MCLD_DATA_DIR));
  return importTeacherOf(client, located, (note) => {
    if (!json) say(`teacher: ${note}`);
  });
}

/**
 * Follows a run to its end, and turns that into output and an exit. A run that was left by its process is taken up
 * again.
 * @throws CliError when it did not succeed
 */
export async function followToEnd(
  connection: Connection,
  run: Run,
  signal: AbortSignal,
  options: CommonOptions,
): Promise<Run> {
  const { client, home } = connection;
  const isLeft = home !== undefined && run.state === RunState.INTERRUPTED;
  const current = isLeft ? present((await client.resumeRun({ runId: run.id })).run) : run;
  if (!options.json) say(await announcement(connection, current));
  const ended = await followRun(client, current, signal, options.json ? { quiet: true } : {});
  if (!ended) throw stopped(connection, run.id);
  if (options.json) printJson(runJson(ended));
  return succeeded(connection, ended);
}

/** The run's name, and where it is where that is another process. */
async function announcement({ client, owner }: Connection, { id }: Run): Promise<string> {
  if (!owner) return `run ${id}`;
  const others = (await runsUnderWay(client)).filter((other) => other !== id);
  return `run ${id} in process ${owner.pid}${others.length > 0 ? `, which also works on ${others.join(', ')}` : ''}`;
}

/** What becomes of a run when the command that follows it is stopped. */
export function stopped({ owner, home, place }: Connection, id: string): CliError {
  const isHere = home !== undefined && !owner;
  const where = owner ? ` in process ${owner.pid}${lasts(owner) ? '' : ' as long as that lasts'}` : '';
  const what = isHere
    ? `stopped; 'mcld resume ${id}${place}' goes on where it left`
    : `run ${id} goes on${where}: 'mcld watch ${id}${place}' follows it, 'mcld cancel ${id}${place}' stops it`;
  return new CliError(what, Exit.interrupted);
}

/** @returns the run @throws CliError when it did not succeed */
export function succeeded({ place }: Connection, run: Run): Run {
  const { id, error, state } = run;
  if (state === RunState.SUCCEEDED) return run;
  if (state === RunState.CANCELLED) {
    throw new CliError(`run ${id} was cancelled; 'mcld resume ${id}${place}' goes on where it left`);
  }
  throw new CliError(`run ${id} ${stateName(run)}${error ? `: ${error}` : ''}`);
}
