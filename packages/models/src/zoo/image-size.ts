import { declareParameters, fixedImageSize } from '../layers/parameters.js';
import type { ModelName } from './registry.js';

/** Why a model cannot take images of a size, in words; undefined where it can. */
export function sizeMisfit(model: ModelName, { height, width }: { height: number; width: number }): string | undefined {
  const actual = `images are ${width}×${height}`;
  const fixed = fixedImageSize(model);
  if (fixed !== undefined) {
    return height === fixed && width === fixed ? undefined : `${actual}, but ${model} takes ${fixed}×${fixed}`;
  }
  if (leavesSomething(model, Math.min(height, width))) return undefined;
  const least = leastSize(model);
  return `${actual}, but ${model} needs at least ${least}×${least}: of smaller ones its pooling leaves nothing`;
}

const leavesSomething = (model: ModelName, size: number): boolean =>
  size > 0 && declareParameters(model, 1, size).smallestMap > 0;

function leastSize(model: ModelName): number {
  let size = 1;
  while (!leavesSomething(model, size)) size++;
  return size;
}
