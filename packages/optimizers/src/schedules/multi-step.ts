import { scheduleFacts } from './facts.js';
import { defineSchedule } from './schedule.js';
import { afterWarmup } from './warmup.js';

/** Learning rate ×`gamma` at each milestone. Milestones count the warm-up's epochs. */
export const multiStep = defineSchedule({
  ...scheduleFacts['multi-step'],
  create: ({ milestones, gamma, warmup }, base) =>
    afterWarmup(warmup, base, (step) => {
      const epoch = Math.floor(step / base.stepsPerEpoch);
      return gamma ** milestones.filter((milestone) => epoch >= milestone).length;
    }),
});
