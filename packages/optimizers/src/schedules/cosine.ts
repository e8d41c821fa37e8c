import { scheduleFacts } from './facts.js';
import { halfCosine } from './half-cosine.js';
import { defineSchedule } from './schedule.js';
import { afterWarmup } from './warmup.js';

/** From the rate down to `finalShare` of it along half a cosine, over the steps that the warm-up leaves. */
export const cosine = defineSchedule({
  ...scheduleFacts.cosine,
  create: ({ finalShare, warmup }, base) =>
    afterWarmup(warmup, base, (step, rise) => {
      const steps = base.stepsPerEpoch * base.epochs - rise;
      return halfCosine(1, finalShare, steps > 0 ? (step - rise) / steps : 1);
    }),
});
