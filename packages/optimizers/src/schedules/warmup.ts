import type { Schedule, ScheduleBase } from './schedule.js';

export interface Warmup {
  readonly epochs: number;
  /** Share of the rate at the first step. */
  readonly startShare: number;
}

/**
 * A linear rise over the first epochs, as torch.optim.lr_scheduler.LinearLR counted in steps.
 * @param shareAfter what is left of the rate at a step after the rise, which took `rise` steps
 */
export function afterWarmup(
  { epochs, startShare }: Warmup,
  { lr, stepsPerEpoch }: ScheduleBase,
  shareAfter: (step: number, rise: number) => number,
): Schedule {
  const rise = Math.round(epochs * stepsPerEpoch);
  return (step) => ({
    lr: lr * (step < rise ? startShare + (1 - startShare) * (step / rise) : shareAfter(step, rise)),
  });
}
