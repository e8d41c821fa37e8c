import type { Run, WatchRunResponse } from '@mcld/contracts/mcld/v1/pipeline.js';
import { type PassedOverOfSplits, unusedLines } from '@mcld/datasets/readers/passed-over.js';
import { type EventBody, type EventData, eventBodySchema } from '@mcld/platform/bus/event-data.js';
import { isOutOfReach } from '@mcld/platform/grpc/remote-error.js';
import { z } from 'zod';
import type { PipelineClient } from './connection.js';
import { StreamEndedError } from './exit.js';
import { barDisplay, type Display, type EvaluationData, lineDisplay } from './progress-display.js';
import { shareOf, stateName } from './run-state.js';

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
function shownBy(display: Display, run: Run, since: number): (event: WatchRunResponse) => void {
  const epochs = epochsOf(run);
  const warnings = new Set<string>();
  let totalSteps = 0;
  const warn = (passedOver: PassedOverOfSplits = {}) => {
    for (const line of unusedLines(passedOver)) {
      // Each attempt tells it again.
      if (!warnings.has(line)) display.warn(line);
      warnings.add(line);
    }
  };
  const show = ({ kind, data }: EventBody, at: number) => {
    switch (kind) {
      case 'started':
        warn(data.passedOver);
        totalSteps = data.totalSteps;
        return display.started(data.step, totalSteps);
      case 'progress':
        totalSteps = data.totalSteps;
        return display.progress({ ...data, imagesPerSecond: Number(data.imagesPerSecond) }, at, at < since);
      case 'trained':
        return display.trained();
      case 'interrupted':
        // Without it, the trainer was stopped.
        if (data.retry) display.waiting(data.retry);
        return;
      case 'waiting':
        if (at >= since) display.waits(data, at);
        return;
      case 'continued':
        if (at >= since) display.goesOn(data);
        return;
      case 'evaluated':
        if (data.final) warn(data.passedOver);
        return display.evaluated(evaluationOf(data, totalSteps, epochs));
      default:
        return;
    }
  };
  return ({ kind, time, data, run: now }) => {
    // What a pipeline of another build tells and is not known here is passed over; the run's end is always shown.
    const body = eventBodySchema.safeParse({ kind, data }).data;
    if (body) show(body, time?.getTime() ?? Date.now());
    if (now) display.ended(stateName(now));
  };
}

/** The epochs of a run's recipe; NaN where a pipeline of another build has none. */
const epochsOf = ({ recipe }: Run): number => epochsSchema.safeParse(recipe).data?.epochs ?? Number.NaN;

const epochsSchema = z.object({ epochs: z.number() });

function evaluationOf({ step, metrics }: EventData['evaluated'], totalSteps: number, epochs: number): EvaluationData {
  const epoch = step / (totalSteps / epochs);
  return {
    at: Number.isInteger(epoch) ? `epoch ${epoch} of ${epochs}` : `step ${step}`,
    count: metrics.count,
    top1: shareOf({ metrics }, 'top1'),
    crossEntropy: Number(metrics.crossEntropy),
  };
}
