import { scheduleFacts } from './facts.js';
import { halfCosine } from './half-cosine.js';
import { defineSchedule } from './schedule.js';

/**
 * The rate rises from peak/divFactor to the peak during the first `riseShare` of all steps and falls to
 * peak/divFactor/finalDivFactor; the momentum goes the other way.
 */
export const oneCycle = defineSchedule({
  ...scheduleFacts['one-cycle'],
  create: (options, { lr: peak, stepsPerEpoch, epochs }) => {
    const { baseMomentum: low, maxMomentum: high } = options;
    const total = stepsPerEpoch * epochs;
    const riseEnd = options.riseShare * total - 1;
    const initial = peak / options.divFactor;
    const final = initial / options.finalDivFactor;
    return (step) => {
      const rising = step <= riseEnd;
      // A run so short that its rise is one step begins at the peak (PyTorch divides by zero there).
      const risen = riseEnd > 0 ? step / riseEnd : 1;
      const share = rising ? risen : (step - riseEnd) / (total - 1 - riseEnd);
      const lr = rising ? halfCosine(initial, peak, share) : halfCosine(peak, final, share);
      if (!options.cycleMomentum) return { lr };
      return { lr, momentum: rising ? halfCosine(high, low, share) : halfCosine(low, high, share) };
    };
  },
});
