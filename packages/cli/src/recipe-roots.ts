import path from 'node:path';
import type { Recipe } from '@mcld/recipe/schema.js';

/**
 * A recipe whose data sets are found from any working folder: relative roots count from `folder`. The process that
 * trains may be one that was started elsewhere. Addresses (`s3://…`) stay.
 */
export function withRoots(recipe: Recipe, folder: string): Recipe {
  const placed = <D extends { readonly root: string }>(dataset: D): D => ({
    ...dataset,
    root: /^\w+:\/\//.test(dataset.root) ? dataset.root : path.resolve(folder, dataset.root),
  });
  const { dataset, evaluation } = recipe;
  return {
    ...recipe,
    dataset: placed(dataset),
    evaluation: { ...evaluation, transfer: evaluation.transfer.map(placed) },
  };
}
