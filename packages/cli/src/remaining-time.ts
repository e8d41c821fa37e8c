/** Times between progress events that the estimate follows, at most. */
const KEPT = 31;

/** With fewer there is no estimate. */
const ENOUGH = 3;

/**
 * How long a run will take yet: the steps that are left, each as long as the median of what steps took lately. A step
 * that compiled for seconds, or the pause of an evaluation or a checkpoint, is an outlier and does not move it.
 */
export class RemainingTime {
  #last: { readonly step: number; readonly at: number } | undefined;
  #perStep: number[] = [];

  /** Notes that `step` steps were done. @param at when, in ms */
  add(step: number, at: number): void {
    const { step: before, at: then } = this.#last ?? { step, at };
    this.#last = { step, at };
    // A new attempt goes on at a checkpoint, and computes at its own speed.
    if (step < before) this.#perStep = [];
    if (step <= before || at <= then) return;
    this.#perStep = [...this.#perStep, (at - then) / (step - before)].slice(-KEPT);
  }

  /** Forgets all: what follows is another attempt's. */
  restart(): void {
    this.#last = undefined;
    this.#perStep = [];
  }

  /** What `steps` more will take, in ms; undefined while too little was seen. */
  of(steps: number): number | undefined {
    if (this.#perStep.length < ENOUGH) return undefined;
    const sorted = [...this.#perStep].sort((a, b) => a - b);
    return steps * (sorted[Math.floor(sorted.length / 2)] ?? 0);
  }
}

/** A time as its two largest units, `3 min 20 s`; at least a second. */
export function durationText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  let rest = seconds;
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return `${count} ${name}`;
  });
  return parts.join(' ');
}
