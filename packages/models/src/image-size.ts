import { declareParameters } from './parameters.js';
import { type ModelName, models } from './registry.js';

/** Why a model cannot take images of a size, in words; undefined where it can. */
export function sizeMisfit(model: ModelName, { height, width }: { height: number; width: number }): string | undefined {
  const { imageSize } = models[model];
  const found = `images are ${width}×${height}`;
  if (isFixed(model)) {
    const fits = height === imageSize && width === imageSize;
    return fits ? undefined : `${found}, but ${model} takes ${imageSize}×${imageSize}`;
  }
  if (leavesSomething(model, Math.min(height, width))) return undefined;
  const least = leastSize(model);
  return `${found}, but ${model} needs at least ${least}×${least}: of smaller ones its pooling leaves nothing`;
}

/** A model with an embedding for each place takes images of one size; the others pool over whatever they get. */
const isFixed = (model: ModelName): boolean =>
  declareParameters(model, 1).parameters.some(({ name }) => name === 'pos_embed');

const leavesSomething = (model: ModelName, size: number): boolean =>
  size > 0 && declareParameters(model, 1, size).smallestMap > 0;

function leastSize(model: ModelName): number {
  let size = 1;
  while (!leavesSomething(model, size)) size++;
  return size;
}
