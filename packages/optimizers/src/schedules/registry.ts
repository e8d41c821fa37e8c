import { cosine } from './cosine.js';
import type { ScheduleName } from './facts.js';
import { multiStep } from './multi-step.js';
import { oneCycle } from './one-cycle.js';
import type { Schedule, ScheduleBase, ScheduleDefinition } from './schedule.js';

/** What computes each schedule of facts.ts. */
const schedules: Readonly<Record<ScheduleName, ScheduleDefinition>> = {
  'multi-step': multiStep,
  cosine,
  'one-cycle': oneCycle,
};

/** A schedule by its name in recipes, and its options. */
export interface ScheduleSpec {
  readonly name: ScheduleName;
  readonly [option: string]: unknown;
}

/** @throws z.ZodError for options that the schedule does not take */
export function scheduleOf({ name, ...options }: ScheduleSpec, base: ScheduleBase): Schedule {
  return schedules[name].withOptions(options, base);
}
