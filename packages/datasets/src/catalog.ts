import { openCifar100 } from './cifar100.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { openStl10 } from './stl10.js';
import { openTinyImagenet } from './tiny-imagenet.js';

/** Per channel, of values in 0…1. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface DatasetKind {
  readonly classes: number;
  readonly normalisation: Normalisation;
  /** The folder that its archive unpacks to. */
  readonly folder: string;
  open(location: DatasetLocation): Promise<Dataset>;
}

/** Every data set by its name in recipes. Adding one: its reader, and an entry here. */
export const datasetKinds = {
  'cifar-100': {
    classes: 100,
    normalisation: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    folder: 'cifar-100-binary',
    open: openCifar100,
  },
  'tiny-imagenet': {
    classes: 200,
    normalisation: { mean: [0.4802, 0.4481, 0.3975], std: [0.277, 0.2691, 0.2821] },
    folder: 'tiny-imagenet-200',
    open: openTinyImagenet,
  },
  'stl-10': {
    classes: 10,
    normalisation: { mean: [0.4467, 0.4398, 0.4066], std: [0.2603, 0.2566, 0.2712] },
    folder: 'stl10_binary',
    open: openStl10,
  },
} as const satisfies Record<string, DatasetKind>;

export type DatasetName = keyof typeof datasetKinds;

export const datasetNames = Object.keys(datasetKinds) as [DatasetName, ...DatasetName[]];

export function isDatasetName(name: string): name is DatasetName {
  return Object.hasOwn(datasetKinds, name);
}
