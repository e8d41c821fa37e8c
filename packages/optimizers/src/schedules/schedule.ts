import type { z } from 'zod';
import type { StepRates } from '../optimizer.js';
import type { ScheduleFacts } from './facts.js';

/** What a schedule is stretched over. */
export interface ScheduleBase {
  /** The optimiser's rate; for one-cycle, its peak. */
  readonly lr: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/** The rates of a step, counted from 0 over the whole run: a pure function, so that a resume is exact. */
export type Schedule = (step: number) => StepRates;

/** A schedule as it is written: its facts, and what computes it of options that have been checked. */
interface ScheduleParts<S extends z.ZodType> extends ScheduleFacts<S> {
  create(options: z.output<S>, base: ScheduleBase): Schedule;
}

/** A schedule as it is used, whatever its options. */
export interface ScheduleDefinition extends ScheduleFacts {
  /** Checks options, fills in what is absent, and makes the schedule. @throws z.ZodError */
  withOptions(options: unknown, base: ScheduleBase): Schedule;
}

/** Ties the options' type to `create`, and hides it from those who use the schedule. */
export function defineSchedule<S extends z.ZodType>({ create, ...facts }: ScheduleParts<S>): ScheduleDefinition {
  return { ...facts, withOptions: (options, base) => create(facts.options.parse(options), base) };
}
