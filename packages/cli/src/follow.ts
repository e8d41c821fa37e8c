import type { Run, WatchRunResponse } from '@mcld/contracts/mcld/v1/pipeline.js';
import { type PassedOverOfSplits, unusedLines } from '@mcld/datasets/readers/passed-over.js';
import { isOutOfReach } from '@mcld/platform/grpc/remote-error.js';
import type { MetricsRecord } from '@mcld/platform/runs/metrics.js';
import { StreamEndedError } from './exit.js';
import { barDisplay, type Display, lineDisplay, type ProgressData, type RetryData } from './progress-display.js';
import { shareOf, stateName } from './run-state.js';
import type { PipelineClient } from './session.js';

const out = process.stderr;

/** What was told before this is history, and is not told again step by step: clocks may differ a little. */
const SKEW_MS = 2000;

export interface FollowOptions {
  /** Prints events as JSON lines instead of showing progress. */
  readonly onEvent?: (event: WatchRunResponse) => void;
  readonly quiet?: boolean;
}

/**
 * Follows a run to its end.
 * @returns the run as it ended; undefined when the signal came first
 * @throws StreamEndedError
 */
export async function followRun(
  client: PipelineClient,
  run: Run,
  signal: AbortSignal,
  { onEvent, quiet = false }: FollowOptions = {},
): Promise<Run | undefined> {
  const display = quiet || onEvent ? undefined : out.isTTY ? barDisplay(run.name, out) : lineDisplay(run.name, out);
  const show = display && shownBy(display, run, Date.now() - SKEW_MS);
  try {
    for await (const event of client.watchRun({ runId: run.id }, { signal })) {
      onEvent?.(event);
      show?.(event);
      if (event.run) return event.run;
    }
    if (signal.aborted) return undefined;
    throw new StreamEndedError(run.id);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw isOutOfReach(error) ? new StreamEndedError(run.id) : error;
  } finally {
    display?.close();
  }
}

/** @param since in ms: events before it are history */
function shownBy(display: Display, { recipe }: Run, since: number): (event: WatchRunResponse) => void {
  const epochs = Number(recipe?.epochs);
  const told = new Set<string>();
  let totalSteps = 0;
  return ({ kind, time, data = {}, run }) => {
    const { passedOver = {} } = data as { readonly passedOver?: PassedOverOfSplits };
    for (const line of unusedLines(passedOver)) {
      // Each attempt tells it again.
      if (!told.has(line)) display.warn(line);
      told.add(line);
    }
    const at = time?.getTime() ?? Date.now();
    const step = Number(data.step ?? 0);
    totalSteps = Number(data.totalSteps ?? totalSteps);
    if (kind === 'started') display.started(step, totalSteps);
    else if (kind === 'progress') display.progress(data as unknown as ProgressData, at, at < since);
    else if (kind === 'trained') display.trained();
    // One without it is of a trainer that was stopped.
    else if (kind === 'interrupted' && data.retry) display.waiting(data.retry as RetryData);
    else if (kind === 'evaluated') {
      const metrics = data.metrics as MetricsRecord;
      const epoch = step / (totalSteps / epochs);
      display.evaluated({
        at: Number.isInteger(epoch) ? `epoch ${epoch} of ${epochs}` : `step ${step}`,
        count: metrics.count,
        top1: shareOf({ metrics }, 'top1'),
        crossEntropy: Number(metrics.crossEntropy),
      });
    }
    if (run) display.ended(stateName(run));
  };
}
