import { openCifar10, openCifar100 } from './cifar.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { openImageFolder } from './image-folder.js';
import { openImagenet } from './imagenet.js';
import { openStl10 } from './stl10.js';
import { openTinyImagenet } from './tiny-imagenet.js';
import { openWebDataset } from './webdataset.js';

/** Per channel, of values in 0…1. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface DatasetKind {
  /** 0: as many as the data have. */
  readonly classes: number;
  readonly normalisation: Normalisation;
  /** What its files are, for people. */
  readonly layout: string;
  open(location: DatasetLocation): Promise<Dataset>;
}

/** ImageNet's, which images of any kind are normalised with. */
const imagenetNormalisation: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Every data set by its name in recipes. Adding one: its reader, and an entry here. */
export const datasetKinds = {
  'cifar-10': {
    classes: 10,
    normalisation: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    layout: 'binary version: data_batch_1.bin … test_batch.bin; or Python version: data_batch_1 … test_batch',
    open: openCifar10,
  },
  'cifar-100': {
    classes: 100,
    normalisation: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    layout: 'binary version: train.bin, test.bin; or Python version: train, test',
    open: openCifar100,
  },
  'tiny-imagenet': {
    classes: 200,
    normalisation: { mean: [0.4802, 0.4481, 0.3975], std: [0.277, 0.2691, 0.2821] },
    layout: 'train/<wnid>/images/*.JPEG, val/images/*.JPEG',
    open: openTinyImagenet,
  },
  'stl-10': {
    classes: 10,
    normalisation: { mean: [0.4467, 0.4398, 0.4066], std: [0.2603, 0.2566, 0.2712] },
    layout: 'binary version: train_X.bin, train_y.bin …',
    open: openStl10,
  },
  imagenet: {
    classes: 1000,
    normalisation: imagenetNormalisation,
    layout: 'train/<wnid>/*.JPEG; val/<wnid>/ or val/*.JPEG with a list of truth',
    open: openImagenet,
  },
  'image-folder': {
    classes: 0,
    normalisation: imagenetNormalisation,
    layout: 'train/<class>/…, val/<class>/…: JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, AVIF',
    open: openImageFolder,
  },
  webdataset: {
    classes: 0,
    normalisation: imagenetNormalisation,
    layout: 'train-*.tar, val-*.tar of .jpg (or .png, .webp …) and .cls',
    open: openWebDataset,
  },
} as const satisfies Record<string, DatasetKind>;

export type DatasetName = keyof typeof datasetKinds;

export const datasetNames = Object.keys(datasetKinds) as [DatasetName, ...DatasetName[]];

export function isDatasetName(name: string): name is DatasetName {
  return Object.hasOwn(datasetKinds, name);
}
