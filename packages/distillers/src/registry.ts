import { ce } from './ce.js';
import { ckd } from './ckd.js';
import { clkd } from './clkd.js';
import { combinationOf } from './combination.js';
import type { DistillerDefinition } from './distiller.js';
import { dkd } from './dkd.js';
import { kd } from './kd.js';
import { mcld } from './mcld.js';
import { mlld } from './mlld.js';
import { rld } from './rld.js';

/** Every loss by its name in recipes. Adding one: its file, and a line here. */
const methods = { kd, dkd, rld, clkd, mlld, ckd, mcld } as const;

export const distillers = {
  ce,
  ...methods,
  combination: combinationOf(methods as unknown as Readonly<Record<string, DistillerDefinition>>),
} as const;

export type DistillerName = keyof typeof distillers;

export const distillerNames = Object.keys(distillers) as [DistillerName, ...DistillerName[]];

export function distillerDefinition(name: DistillerName): DistillerDefinition {
  return distillers[name] as unknown as DistillerDefinition;
}
