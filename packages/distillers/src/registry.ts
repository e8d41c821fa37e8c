import { ce } from './ce.js';
import { ckd } from './ckd.js';
import { clkd } from './clkd.js';
import { combinationOf } from './combination.js';
import type { DistillerDefinition } from './distiller.js';
import { dkd } from './dkd.js';
import type { DistillerName, MethodName } from './facts.js';
import { kd } from './kd.js';
import { mcld } from './mcld.js';
import { mlld } from './mlld.js';
import { rld } from './rld.js';

const methods: Readonly<Record<MethodName, DistillerDefinition>> = { kd, dkd, rld, clkd, mlld, ckd, mcld };

/** What computes each loss of facts.ts. */
export const distillers: Readonly<Record<DistillerName, DistillerDefinition>> = {
  ce,
  ...methods,
  combination: combinationOf(methods),
};
