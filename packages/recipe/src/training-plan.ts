import { dataSeedOf, type Recipe } from './schema.js';

/** The batch specification that a run trains on: what the loader, the teacher and the logit store are asked for. */
export function trainingPlan(recipe: Recipe) {
  const { dataset, batchSize, augmentation, mix } = recipe;
  const seed = dataSeedOf(recipe);
  return { dataset: { ...dataset, split: 'train' }, batchSize, augmentation, mix, shuffle: true, seed };
}
