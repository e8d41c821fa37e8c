import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import { percent } from './table.js';

export const stateName = (run: Run): string => RunState[run.state].toLowerCase();

/** Whether a run waits for its process, or is worked on. */
export const isUnderWay = ({ state }: Run): boolean =>
  [RunState.QUEUED, RunState.TRAINING, RunState.EVALUATING].includes(state);

/** A run in the form that `--json` prints. */
export function runJson(run: Run): Record<string, unknown> {
  return { ...run, state: stateName(run) };
}

type Shares = Readonly<Record<'top1' | 'top5' | 'nonFinite', number>>;

/** A share of a run's test images, for people. */
export function shareOf({ metrics }: { readonly metrics?: Shares | undefined }, name: 'top1' | 'top5'): string {
  return metrics && isDiverged(metrics) ? 'diverged' : percent(metrics?.[name]);
}
