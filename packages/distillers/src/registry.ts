import { ce } from './ce.js';
import type { DistillerDefinition } from './distiller.js';
import { kd } from './kd.js';
import { mcld } from './mcld.js';

/** Every loss by its name in recipes. Adding one: its file, and a line here. */
export const distillers = { ce, kd, mcld } as const;

export type DistillerName = keyof typeof distillers;

export const distillerNames = Object.keys(distillers) as [DistillerName, ...DistillerName[]];

export function distillerDefinition(name: DistillerName): DistillerDefinition {
  return distillers[name] as unknown as DistillerDefinition;
}
