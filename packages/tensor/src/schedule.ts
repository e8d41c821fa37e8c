import type { StepRates } from './sgd.js';

/** Learning rate ×`gamma` at each milestone (in epochs, counted from 0). */
export interface MultiStepSchedule {
  readonly name: 'multi-step';
  readonly milestones: readonly number[];
  readonly gamma: number;
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

export type Schedule = MultiStepSchedule | OneCycleSchedule;

export interface ScheduleBase {
  /** Base rate; for one-cycle, its peak. */
  readonly lr: number;
  readonly momentum: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/** The rates of a step, counted from 0 over the whole run: a pure function, so a resume is exact. */
export function ratesAt(schedule: Schedule, base: ScheduleBase, step: number): StepRates {
  if (schedule.name === 'multi-step') {
    const epoch = Math.floor(step / base.stepsPerEpoch);
    const passed = schedule.milestones.filter((milestone) => epoch >= milestone).length;
    return { lr: base.lr * schedule.gamma ** passed, momentum: base.momentum };
  }
  return oneCycle(schedule, base, step);
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
