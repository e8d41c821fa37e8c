import type { TrainingProgress } from '@mcld/contracts/mcld/v1/student_trainer.js';
import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { cursorOf } from '@mcld/feeds/cursors.js';
import { meter } from '@mcld/platform/telemetry.js';

const stepMs = meter.createHistogram('mcld.trainer.step', { unit: 'ms' });
const waitMs = meter.createHistogram('mcld.trainer.wait', { unit: 'ms' });
const imageCounter = meter.createCounter('mcld.trainer.images');

/** Weight of the newest step in the running figures: they follow the last twenty or so. */
const NEWEST = 0.05;

const blend = (old: number | undefined, value: number): number =>
  old === undefined ? value : old + NEWEST * (value - old);

/** What the loop waits for in a step. */
const kinds = ['batch', 'teacher', 'compute'] as const;

export type WaitKind = (typeof kinds)[number];

/** Running figures of a run in training. */
export class ProgressMeter {
  #losses: Record<string, number> = {};
  #rate: number | undefined;
  #lr = 0;
  #step: number;
  #isFirst = true;
  readonly #waits: Record<WaitKind, number> = { batch: 0, teacher: 0, compute: 0 };
  readonly #shares: Partial<Record<WaitKind, number>> = {};
  #last = performance.now();

  constructor(
    readonly runId: string,
    readonly stepsPerEpoch: number,
    readonly totalSteps: number,
    /** Steps done before this attempt. */
    begin = 0,
  ) {
    this.#step = begin;
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Measures a wait. */
  async waiting<T>(kind: WaitKind, source: Promise<T>): Promise<T> {
    const start = performance.now();
    const value = await source;
    const waited = performance.now() - start;
    this.#waits[kind] = waited;
    waitMs.record(waited, { for: kind });
    return value;
  }

  /** What the step in hand has waited for so far, in ms. */
  waited(): Readonly<Record<WaitKind, number>> {
    const { batch, teacher, compute } = this.#waits;
    return { batch: Math.round(batch), teacher: Math.round(teacher), compute: Math.round(compute) };
  }

  stepDone(step: number, images: number, lr: number, losses: Readonly<Record<string, number>>): void {
    const now = performance.now();
    const elapsed = now - this.#last;
    this.#last = now;
    // The first step also opens the feeds and compiles: its seconds would stay in the figures for a hundred steps.
    if (!this.#isFirst) {
      this.#rate = blend(this.#rate, images / (elapsed / 1000));
      for (const kind of kinds) {
        this.#shares[kind] = blend(this.#shares[kind], this.#waits[kind] / elapsed);
      }
    }
    this.#isFirst = false;
    for (const [name, value] of Object.entries(losses)) this.#losses[name] = blend(this.#losses[name], value);
    this.#lr = lr;
    this.#step = step + 1;
    stepMs.record(elapsed);
    imageCounter.add(images);
  }

  current(): TrainingProgress & { readonly cursor: Cursor } {
    return {
      runId: this.runId,
      cursor: cursorOf(this.#step, this.stepsPerEpoch),
      step: this.#step,
      totalSteps: this.totalSteps,
      imagesPerSecond: this.#rate ?? 0,
      learningRate: this.#lr,
      losses: { ...this.#losses },
      batchWaitShare: this.#shares.batch ?? 0,
      teacherWaitShare: this.#shares.teacher ?? 0,
      computeWaitShare: this.#shares.compute ?? 0,
    };
  }
}
