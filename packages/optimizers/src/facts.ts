import { z } from 'zod';

/*
 * What is known of each optimiser without computing it: this is all that recipes, the control plane and the listings
 * need, so nothing is loaded here but zod. How one updates stands in its own file.
 */

export interface OptimizerFacts<S extends z.ZodType = z.ZodType> {
  /** What it is, in a line for people. */
  readonly summary: string;
  /** The paper; empty where there is none. */
  readonly source: string;
  /** What recipes may set besides `sharedOptions`, and the defaults. */
  readonly options: S;
}

/** An optimiser that a recipe can name: whatever else it has, a schedule moves its learning rate. */
type NamedFacts = OptimizerFacts<z.ZodObject<{ lr: z.ZodDefault<z.ZodNumber> }>>;

const rate = (value: number) =>
  z.number().positive().default(value).describe('per step, not scaled by the batch; the peak of one-cycle');
const share = z.number().min(0).lt(1);

/** What every optimiser's options are followed by in recipes: `optimizerOf` sees to them. */
export const sharedOptions = {
  weightDecay: z.number().min(0).default(5e-4),
  decay: z
    .enum(['all', 'weights'])
    .default('all')
    .describe('what decays: every parameter, or only those of more than one axis (no biases, no norms)'),
  clipNorm: z.number().positive().optional().describe('longest gradient, over all parameters together'),
  averageDecay: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('keeps an exponential moving average of the weights, which is what is evaluated and exported'),
};

/** Every optimiser by its name in recipes. Adding one: an entry here, its file, and its name in registry.ts. */
export const optimizerFacts = {
  sgd: {
    summary: 'stochastic gradient descent with momentum, as torch.optim.SGD',
    source: '',
    options: z.strictObject({
      lr: rate(0.05),
      momentum: share.default(0.9),
      nesterov: z.boolean().default(false),
    }),
  },
  adamw: {
    summary: 'Adam with decoupled weight decay, as torch.optim.AdamW',
    source: 'arXiv 1711.05101',
    options: z.strictObject({
      lr: rate(1e-3),
      beta1: share.default(0.9),
      beta2: share.default(0.999),
      epsilon: z.number().positive().default(1e-8),
    }),
  },
} as const satisfies Record<string, NamedFacts>;

export type OptimizerName = keyof typeof optimizerFacts;

/** Of a recipe that names none. */
export const DEFAULT_OPTIMIZER: OptimizerName = 'sgd';

const isOptimizerName = (name: string): name is OptimizerName => Object.hasOwn(optimizerFacts, name);

export const optimizerNames = Object.keys(optimizerFacts).filter(isOptimizerName);
