import { readFile } from 'node:fs/promises';
import type { Run } from '@mcld/contracts/mcld/v1/pipeline.js';
import { jsonText } from '@mcld/platform/json.js';
import { readRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { CliError, Exit } from '../exit.js';
import { followRun } from '../follow.js';
import { runJson, stateName } from '../run-state.js';
import type { Session } from '../session.js';

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

/** Tells people what was chosen of a teacher's file, beside the output. */
export const teacherNotes =
  ({ json }: CommonOptions) =>
  (note: string): void => {
    if (!json) process.stderr.write(`teacher: ${note}\n`);
  };

/** Values of an option that may be given several times. */
export const repeated = (value: string, before: string[]): string[] => [...before, value];

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

/** Follows a run and turns its end into output and an exit. @throws CliError when it did not succeed */
export async function followToEnd(
  session: Session,
  run: Run,
  signal: AbortSignal,
  options: CommonOptions,
): Promise<Run> {
  const ended = await followRun(session.client, run, signal, options.json ? { quiet: true } : {});
  if (!ended) {
    const home = session.home ? ` --home ${session.home}` : '';
    throw new CliError(`stopped; 'mcld resume ${run.id}${home}' goes on where it left`, Exit.interrupted);
  }
  if (options.json) printJson(runJson(ended));
  const state = stateName(ended);
  if (state !== 'succeeded') throw new CliError(`run ${ended.id} ${state}${ended.error ? `: ${ended.error}` : ''}`);
  return ended;
}
