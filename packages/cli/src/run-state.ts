import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';

export const stateName = (run: Run): string => RunState[run.state].toLowerCase();

/** Whether a run waits for its process, or is worked on. */
export const isUnderWay = ({ state }: Run): boolean =>
  [RunState.QUEUED, RunState.TRAINING, RunState.EVALUATING].includes(state);

/** A run in the form that `--json` prints. */
export function runJson(run: Run): Record<string, unknown> {
  return { ...run, state: stateName(run) };
}
