import { acceptedOf, dataSeedOf, type Recipe } from './schema.js';

/** The batch specification that a run trains on: the same for the loader, the teacher and the logit store. */
export function trainingPlan(recipe: Recipe) {
  const { dataset, batchSize, augmentation, mix } = recipe;
  const seed = dataSeedOf(recipe);
  return { dataset: { ...dataset, split: 'train' }, batchSize, augmentation, mix, shuffle: true, seed };
}

/** What a run asks of its teacher, and so what is tried beforehand: training views, and unchanged test images. */
export function teacherChecks(recipe: Recipe) {
  const test = { dataset: { ...recipe.dataset, split: 'test' }, batchSize: recipe.batchSize };
  const accept = acceptedOf(recipe);
  return {
    train: { spec: trainingPlan(recipe), precision: recipe.logitPrecision, accept },
    test: { spec: test, precision: '', accept },
  };
}
