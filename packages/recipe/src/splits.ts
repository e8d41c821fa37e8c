import type { Recipe } from './schema.js';

/** Side of a transfer set's images where the recipe names none: what students of CIFAR were trained on. */
const TRANSFER_SIZE = 32;

type Dataset = Recipe['dataset'];

/** What a run is evaluated on. */
export const testSplit = ({ dataset }: Recipe): Dataset & { split: string } => ({ ...dataset, split: 'test' });

/** A split of a transfer set, as a linear probe is fitted and measured on it. */
export const transferSplit = (dataset: Dataset, split: 'train' | 'test'): Dataset & { split: string } => ({
  ...dataset,
  size: dataset.size || TRANSFER_SIZE,
  split,
});
