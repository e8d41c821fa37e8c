import { adamw } from './adamw.js';
import { withAverage } from './average.js';
import { withClipping } from './clipping.js';
import type { OptimizerName } from './facts.js';
import type { Optimizer, OptimizerDefinition } from './optimizer.js';
import { sgd } from './sgd.js';
import { decayOfWeights } from './weight-decay.js';

/** What computes each optimiser of facts.ts. */
const optimizers: Readonly<Record<OptimizerName, OptimizerDefinition>> = { sgd, adamw };

/** An optimiser by its name in recipes, its own options, and those that every one has; see facts.ts. */
export interface OptimizerSpec {
  readonly name: OptimizerName;
  readonly weightDecay: number;
  readonly decay: 'all' | 'weights';
  readonly clipNorm?: number | undefined;
  readonly averageDecay?: number | undefined;
  readonly [option: string]: unknown;
}

/**
 * @param shapes of the parameters, in the order of the flat vector
 * @throws z.ZodError for options that the optimiser does not take
 */
export function optimizerOf(spec: OptimizerSpec, shapes: readonly (readonly number[])[]): Optimizer {
  const { name, weightDecay, decay, clipNorm, averageDecay, ...options } = spec;
  const plain = optimizers[name].withOptions(
    options,
    decay === 'all' ? weightDecay : decayOfWeights(weightDecay, shapes),
  );
  const clipped = clipNorm === undefined ? plain : withClipping(plain, clipNorm);
  return averageDecay === undefined ? clipped : withAverage(clipped, averageDecay);
}
