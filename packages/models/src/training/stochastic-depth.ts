import { Purpose, philox } from '@mcld/random/philox.js';
import { declareParameters } from '../layers/parameters.js';
import type { ModelName } from '../zoo/registry.js';
import type { StochasticDepth } from './training.js';

/**
 * Stochastic depth (arXiv 1603.09382): of each sample a branch is left out with its share of `rate`,
 * else divided by what stays. Each draw is addressed by step, branch and row, so a resume is exact.
 * @returns undefined for a rate of 0 and for a model without such branches
 */
export function stochasticDepth(model: ModelName, rate: number, seed: number): StochasticDepth | undefined {
  const { droppable } = declareParameters(model, 1);
  if (rate === 0 || droppable.length === 0) return undefined;
  return {
    factors: (step, batch) => {
      const factors = new Float32Array(droppable.length * batch);
      const block = new Uint32Array(4);
      for (const [b, share] of droppable.entries()) {
        const stays = 1 - rate * share;
        for (let row = 0; row < batch; row++) {
          if ((row & 3) === 0) philox(block, row >>> 2, step, b, Purpose.stochasticDepth, seed, 0);
          factors[b * batch + row] = (block[row & 3] ?? 0) / 0x1_0000_0000 < stays ? 1 / stays : 0;
        }
      }
      return factors;
    },
  };
}
