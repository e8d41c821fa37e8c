import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';

export const stateName = (run: Run): string => RunState[run.state].toLowerCase();

/** A run in the form that `--json` prints. */
export function runJson(run: Run): Record<string, unknown> {
  return { ...run, state: stateName(run) };
}
