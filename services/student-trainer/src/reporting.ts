import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import type { ProgressMeter } from './progress.js';
import { assertClaimed } from './run-claim.js';
import type { RunEvents } from './run-events.js';
import type { TrainerParts } from './trainer-parts.js';

/** Between two looks at the run record, and two progress events. */
const REPORT_MS = 1000;

/** Once a second: is the run still this attempt's, and how far is it. */
export class Reporting {
  #last = 0;

  constructor(
    readonly parts: Pick<TrainerParts, 'adapters'>,
    readonly record: RunRecord,
    readonly meter: ProgressMeter,
    readonly events: RunEvents,
    /** Told that the run has got on. */
    readonly onProgress: () => void,
  ) {}

  /**
   * @param step steps done
   * @throws FencedError, CancelledError where another attempt has the run, or nobody
   */
  async report(step: number): Promise<void> {
    const now = performance.now();
    if (now - this.#last < REPORT_MS && step !== this.meter.totalSteps) return;
    this.#last = now;
    await assertClaimed(this.parts.adapters.runs, this.record);
    this.onProgress();
    await this.events.publish('progress', `${this.record.attempt}.${step}`, this.meter.current());
  }
}
