import type { Run, WatchRunResponse } from '@mcld/contracts/mcld/v1/pipeline.js';
import { type PassedOverOfSplits, unusedLines } from '@mcld/datasets/passed-over.js';
import { Presets, SingleBar } from 'cli-progress';
import { stateName } from './run-state.js';
import type { PipelineClient } from './session.js';

/** Shows how a run gets on: a bar on a terminal, a line now and then elsewhere. */
interface Display {
  progress(event: ProgressData): void;
  note(text: string): void;
  /** Something that the user should not miss. */
  warn(text: string): void;
  end(): void;
}

interface ProgressData {
  readonly step: number;
  readonly totalSteps: number;
  readonly imagesPerSecond: number;
  readonly losses?: Readonly<Record<string, number>>;
}

const out = process.stderr;

/** Seconds between lines where there is no terminal. */
const LINE_EVERY_MS = 10_000;

function remaining({ step, totalSteps }: ProgressData, begun: { at: number; step: number }): string {
  const perStep = (performance.now() - begun.at) / Math.max(1, step - begun.step);
  const seconds = Math.round(((totalSteps - step) * perStep) / 1000);
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`;
}

function barDisplay(name: string): Display {
  const format = `${name.padEnd(16)} {bar} {percentage}% | {value}/{total} steps | {rate} images/s | loss {loss} | {left} left`;
  const bar = new SingleBar({ format, stream: out, hideCursor: true, clearOnComplete: false }, Presets.shades_classic);
  let begun: { at: number; step: number } | undefined;
  const waiting: string[] = [];
  return {
    progress(data) {
      if (!begun) {
        begun = { at: performance.now(), step: data.step };
        bar.start(data.totalSteps, data.step, { rate: '–', loss: '–', left: '–' });
      }
      bar.update(data.step, {
        rate: Math.round(data.imagesPerSecond),
        loss: data.losses?.total?.toFixed(3) ?? '–',
        left: remaining(data, begun),
      });
    },
    note() {},
    warn: (text) => void (begun ? waiting.push(text) : out.write(`${name}: ${text}\n`)),
    end() {
      bar.stop();
      for (const text of waiting) out.write(`${name}: ${text}\n`);
    },
  };
}

function lineDisplay(name: string): Display {
  let last = 0;
  let begun: { at: number; step: number } | undefined;
  return {
    progress(data) {
      begun ??= { at: performance.now(), step: data.step };
      const now = performance.now();
      if (now - last < LINE_EVERY_MS && data.step !== data.totalSteps) return;
      last = now;
      const loss = data.losses?.total?.toFixed(3) ?? '–';
      const rate = Math.round(data.imagesPerSecond);
      out.write(
        `${name}: step ${data.step}/${data.totalSteps}, ${rate} images/s, loss ${loss}, ${remaining(data, begun)} left\n`,
      );
    },
    note: (text) => void out.write(`${name}: ${text}\n`),
    warn: (text) => void out.write(`${name}: ${text}\n`),
    end() {},
  };
}

const silent: Display = { progress() {}, note() {}, warn() {}, end() {} };

export interface FollowOptions {
  /** Prints events as JSON lines instead of showing progress. */
  readonly onEvent?: (event: WatchRunResponse) => void;
  readonly quiet?: boolean;
}

/**
 * Follows a run to its end.
 * @returns the run as it ended; undefined when the signal came first
 */
export async function followRun(
  client: PipelineClient,
  run: Run,
  signal: AbortSignal,
  { onEvent, quiet = false }: FollowOptions = {},
): Promise<Run | undefined> {
  const display = quiet || onEvent ? silent : out.isTTY ? barDisplay(run.name) : lineDisplay(run.name);
  const told = new Set<string>();
  try {
    for await (const event of client.watchRun({ runId: run.id }, { signal })) {
      onEvent?.(event);
      const { passedOver = {} } = (event.data ?? {}) as { readonly passedOver?: PassedOverOfSplits };
      for (const line of unusedLines(passedOver)) {
        // Each attempt tells it again.
        if (!told.has(line)) display.warn(line);
        told.add(line);
      }
      if (event.kind === 'progress') display.progress(event.data as unknown as ProgressData);
      else if (event.kind === 'trained') display.note('trained; evaluating');
      if (event.run) {
        display.note(stateName(event.run));
        return event.run;
      }
    }
    return undefined;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    display.end();
  }
}
