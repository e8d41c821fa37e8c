import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import { percent } from './table.js';

export const stateName = (run: Run): string => RunState[run.state].toLowerCase();

/** A run in the form that `--json` prints. */
export function runJson(run: Run): Record<string, unknown> {
  return { ...run, state: stateName(run) };
}

/** A share of a run's test images, for people. */
export function shareOf({ metrics }: Run, name: 'top1' | 'top5'): string {
  return metrics && isDiverged(metrics) ? 'diverged' : percent(metrics?.[name]);
}
