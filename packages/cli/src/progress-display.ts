import type { EventData, RetryData } from '@mcld/platform/bus/event-data.js';
import type { JsonNumber } from '@mcld/platform/json.js';
import { waitText } from '@mcld/platform/waits/wait-text.js';
import { Presets, SingleBar } from 'cli-progress';
import { durationText, RemainingTime } from './remaining-time.js';

/** What a progress event of a run tells. */
export interface ProgressData {
  readonly step: number;
  readonly totalSteps: number;
  /** 0 while it is not known. */
  readonly imagesPerSecond: number;
  readonly losses?: Readonly<Record<string, JsonNumber>>;
}

/** The result of an evaluation. */
export interface EvaluationData {
  /** As a reader counts: `epoch 3 of 12`. */
  readonly at: string;
  readonly count: number;
  /** As a share in per cent, or 'diverged'. */
  readonly top1: string;
  readonly crossEntropy: number;
}

const retryText = ({ reason, next, most, pauseMs }: RetryData): string =>
  `waiting, attempt ${next} of ${most} in ${durationText(pauseMs)}: ${reason.replaceAll('\n', '; ')}`;

const stalledText = (data: EventData['waiting'], at: number): string =>
  `${data.stage} waits ${durationText(at - Date.parse(data.since))} ${waitText(data)}`;

/** Shows how a run gets on. */
export interface Display {
  /** An attempt begins, or goes on, after `step` steps. */
  started(step: number, totalSteps: number): void;
  /** @param at when, in ms; replayed: of what happened before anybody looked */
  progress(data: ProgressData, at: number, replayed: boolean): void;
  evaluated(data: EvaluationData): void;
  trained(): void;
  /** An attempt broke off; another follows. */
  waiting(data: RetryData): void;
  /** A stage waits for another service. @param at when that was told, in ms */
  waits(data: EventData['waiting'], at: number): void;
  /** What a stage waited for has come. */
  goesOn(data: EventData['continued']): void;
  /** Something that the user should not miss. */
  warn(text: string): void;
  /** @param state in which the run is now */
  ended(state: string): void;
  close(): void;
}

type Output = NodeJS.WriteStream;

/** Between two lines about steps. */
const LINE_EVERY_MS = 10_000;

const UNKNOWN = '–';

const lossText = ({ losses }: ProgressData): string =>
  losses?.total === undefined ? UNKNOWN : Number(losses.total).toFixed(3);

const rateText = ({ imagesPerSecond }: ProgressData): string =>
  `${imagesPerSecond > 0 ? Math.round(imagesPerSecond) : UNKNOWN} images/s`;

function leftText(remaining: RemainingTime, { step, totalSteps }: Pick<ProgressData, 'step' | 'totalSteps'>): string {
  const ms = step < totalSteps ? remaining.of(totalSteps - step) : undefined;
  return `${ms === undefined ? UNKNOWN : durationText(ms)} left`;
}

/** Columns that the bar's line takes besides the bar, with usual figures. */
const BESIDES_BAR = 96;

/** A bar on a terminal. What matters least stands last, where a narrow terminal cuts the line off. */
export function barDisplay(name: string, out: Output): Display {
  const format = `${name.padEnd(16)} {bar} {value}/{total} steps | {left} | loss {loss} | top-1 {top1} | {rate}`;
  const barsize = Math.max(10, Math.min(40, (out.columns ?? 0) - BESIDES_BAR));
  const bar = new SingleBar({ format, barsize, stream: out, hideCursor: true }, Presets.shades_classic);
  const remaining = new RemainingTime();
  // Warnings would break the bar's line, so they come after it.
  const waiting: string[] = [];
  const say = (text: string) => void out.write(`${name}: ${text}\n`);
  let begun = false;
  return {
    started(step, totalSteps) {
      remaining.restart();
      if (begun) bar.update(step);
      else bar.start(totalSteps, step, { rate: '', loss: UNKNOWN, top1: UNKNOWN, left: `${UNKNOWN} left` });
      begun = true;
    },
    progress(data, at) {
      if (!begun) this.started(data.step, data.totalSteps);
      remaining.add(data.step, at);
      bar.update(data.step, { rate: rateText(data), loss: lossText(data), left: leftText(remaining, data) });
    },
    evaluated: ({ top1 }) => bar.update({ top1 }),
    trained: () => bar.update({ left: 'evaluating' }),
    waiting: (data) => (begun ? bar.update({ left: retryText(data) }) : say(retryText(data))),
    waits: (data, at) => (begun ? bar.update({ left: stalledText(data, at) }) : say(stalledText(data, at))),
    goesOn: () => (begun ? bar.update({ left: `${UNKNOWN} left` }) : undefined),
    ended: (state) => bar.update({ left: state }),
    warn: (text) => (begun ? void waiting.push(text) : say(text)),
    close() {
      bar.stop();
      for (const text of waiting) say(text);
    },
  };
}

/** Lines, where there is no terminal. */
export function lineDisplay(name: string, out: Pick<Output, 'write'>): Display {
  const remaining = new RemainingTime();
  const say = (text: string) => void out.write(`${name}: ${text}\n`);
  let next = 0;
  return {
    started(step, totalSteps) {
      remaining.restart();
      say(step === 0 ? `training, ${totalSteps} steps` : `goes on after step ${step} of ${totalSteps}`);
    },
    progress(data, at, replayed) {
      const { step, totalSteps } = data;
      remaining.add(step, at);
      if (replayed || (at < next && step < totalSteps)) return;
      next = at + LINE_EVERY_MS;
      const parts = [`loss ${lossText(data)}`, rateText(data), leftText(remaining, data)];
      say([`step ${step}/${totalSteps}`, ...parts.filter((part) => !part.includes(UNKNOWN))].join(', '));
    },
    evaluated({ at, count, top1, crossEntropy }) {
      const images = count.toLocaleString('en');
      say(`${at}: top-1 ${top1}, cross-entropy ${crossEntropy.toFixed(3)} on ${images} test images`);
    },
    trained: () => say('trained; evaluating'),
    waiting: (data) => say(retryText(data)),
    waits: (data, at) => say(stalledText(data, at)),
    goesOn: ({ stage, service, waitedMs }) =>
      say(`${stage} goes on; it waited ${durationText(waitedMs)} for the ${service}`),
    warn: say,
    ended: say,
    close() {},
  };
}
