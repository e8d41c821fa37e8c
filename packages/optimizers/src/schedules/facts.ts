import { z } from 'zod';

/** What is known of each schedule without computing it; nothing is loaded here but zod. */
export interface ScheduleFacts<S extends z.ZodType = z.ZodType> {
  /** What it is, in a line for people. */
  readonly summary: string;
  /** The paper; empty where there is none. */
  readonly source: string;
  /** What recipes may set, and the defaults. */
  readonly options: S;
}

type NamedFacts = ScheduleFacts<z.ZodObject>;

const share = z.number().gt(0).lt(1);

const warmup = z
  .strictObject({
    epochs: z.number().min(0).default(0).describe('of linear rise before; 0: none'),
    startShare: z.number().gt(0).max(1).default(0.01).describe('of the rate at the first step'),
  })
  .prefault({});

/** Every schedule by its name in recipes. Adding one: an entry here, its file, and its name in registry.ts. */
export const scheduleFacts = {
  'multi-step': {
    summary: 'falls by a factor at each of some epochs, as torch.optim.lr_scheduler.MultiStepLR',
    source: '',
    options: z.strictObject({
      milestones: z.array(z.int().positive()).default([150, 180, 210]).describe('epochs, counted from 0'),
      gamma: z.number().positive().default(0.1),
      warmup,
    }),
  },
  cosine: {
    summary: 'falls along half a cosine, as torch.optim.lr_scheduler.CosineAnnealingLR counted in steps',
    source: 'arXiv 1608.03983',
    options: z.strictObject({
      finalShare: z.number().min(0).max(1).default(0).describe('of the rate at the end'),
      warmup,
    }),
  },
  'one-cycle': {
    summary: 'rises to the rate and falls again, the momentum the other way, as torch.optim.lr_scheduler.OneCycleLR',
    source: 'arXiv 1708.07120',
    options: z.strictObject({
      riseShare: share.default(0.3),
      divFactor: z.number().positive().default(25),
      finalDivFactor: z.number().positive().default(1e4),
      cycleMomentum: z.boolean().default(true),
      baseMomentum: share.default(0.85),
      maxMomentum: share.default(0.95),
    }),
  },
} as const satisfies Record<string, NamedFacts>;

export type ScheduleName = keyof typeof scheduleFacts;

/** Of a recipe that names none. */
export const DEFAULT_SCHEDULE: ScheduleName = 'multi-step';

const isScheduleName = (name: string): name is ScheduleName => Object.hasOwn(scheduleFacts, name);

export const scheduleNames = Object.keys(scheduleFacts).filter(isScheduleName);
