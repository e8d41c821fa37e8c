import type { StepRates } from './optimizer.js';

/** Learning rate ×`gamma` at each milestone (in epochs, counted from 0). */
export interface MultiStepSchedule {
  readonly name: 'multi-step';
  readonly milestones: readonly number[];
  readonly gamma: number;
  readonly warmup: Warmup;
}

/**
 * One cycle as in torch.optim.lr_scheduler.OneCycleLR with cosine annealing: the rate rises from
 * peak/divFactor to the peak during the first `riseShare` of all steps and falls to
 * peak/divFactor/finalDivFactor; the momentum goes the other way.
 */
export interface OneCycleSchedule {
  readonly name: 'one-cycle';
  readonly riseShare: number;
  readonly divFactor: number;
  readonly finalDivFactor: number;
  readonly cycleMomentum: boolean;
  readonly baseMomentum: number;
  readonly maxMomentum: number;
}

/** From the base rate down to `finalShare` of it along half a cosine, as CosineAnnealingLR counted in steps. */
export interface CosineSchedule {
  readonly name: 'cosine';
  readonly finalShare: number;
  readonly warmup: Warmup;
}

/** A linear rise over the first epochs, as torch.optim.lr_scheduler.LinearLR counted in steps. */
export interface Warmup {
  readonly epochs: number;
  /** Share of the rate at the first step. */
  readonly startShare: number;
}

export type Schedule = MultiStepSchedule | CosineSchedule | OneCycleSchedule;

export interface ScheduleBase {
  /** Base rate; for one-cycle, its peak. */
  readonly lr: number;
  readonly momentum: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/** The rates of a step, counted from 0 over the whole run: a pure function, so a resume is exact. */
export function ratesAt(schedule: Schedule, base: ScheduleBase, step: number): StepRates {
  if (schedule.name === 'one-cycle') return oneCycle(schedule, base, step);
  const rise = Math.round(schedule.warmup.epochs * base.stepsPerEpoch);
  if (step < rise) {
    const { startShare } = schedule.warmup;
    return { lr: base.lr * (startShare + (1 - startShare) * (step / rise)), momentum: base.momentum };
  }
  return { lr: base.lr * shareAt(schedule, base, step, rise), momentum: base.momentum };
}

/** What is left of the base rate after the warm-up's `rise` steps. Milestones count the warm-up's epochs. */
function shareAt(schedule: MultiStepSchedule | CosineSchedule, base: ScheduleBase, step: number, rise: number): number {
  if (schedule.name === 'cosine') {
    const steps = base.stepsPerEpoch * base.epochs - rise;
    return cosine(1, schedule.finalShare, steps > 0 ? (step - rise) / steps : 1);
  }
  const epoch = Math.floor(step / base.stepsPerEpoch);
  const passed = schedule.milestones.filter((milestone) => epoch >= milestone).length;
  return schedule.gamma ** passed;
}

function oneCycle(schedule: OneCycleSchedule, base: ScheduleBase, step: number): StepRates {
  const total = base.stepsPerEpoch * base.epochs;
  const riseEnd = schedule.riseShare * total - 1;
  const initial = base.lr / schedule.divFactor;
  const final = initial / schedule.finalDivFactor;
  const { baseMomentum: low, maxMomentum: high } = schedule;
  const rising = step <= riseEnd;
  // A run so short that its rise is one step begins at the peak (PyTorch divides by zero there).
  const risen = riseEnd > 0 ? step / riseEnd : 1;
  const share = rising ? risen : (step - riseEnd) / (total - 1 - riseEnd);
  const lr = rising ? cosine(initial, base.lr, share) : cosine(base.lr, final, share);
  const momentum = rising ? cosine(high, low, share) : cosine(low, high, share);
  return { lr, momentum: schedule.cycleMomentum ? momentum : base.momentum };
}

function cosine(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
}
