/*
 * What is known of each data set without reading it: this is all that recipes, the control plane and the listings need,
 * so nothing is loaded here. How its files are read stands in its reader.
 */

/** Per channel, of values in 0…1. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Where it can be had without an account. */
export interface DatasetSource {
  readonly url: string;
  /** As the makers (or torchvision, which checks the same files) publish it. */
  readonly md5: string;
  readonly archive: 'tar.gz' | 'zip';
  /** What it unpacks to. */
  readonly folder: string;
}

export interface DatasetFacts {
  /** 0: as many as the data have. */
  readonly classes: number;
  /** Side of its images, which are squares; absent: they differ. */
  readonly side?: number;
  readonly normalisation: Normalisation;
  /** What its files are, for people. */
  readonly layout: string;
  readonly source?: DatasetSource;
  /** Whether its root may be an address in S3. */
  readonly inS3?: true;
  /** Rows of a linear probe's batch on it, default 64. */
  readonly probeBatch?: number;
}

/** ImageNet's, which images of any kind are normalised with. */
const imagenetNormalisation: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Every data set by its name in recipes. Adding one: an entry here, its reader, and its name in readers/registry.ts.
 */
export const datasetFacts = {
  'cifar-10': {
    classes: 10,
    side: 32,
    normalisation: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    layout: 'binary version: data_batch_1.bin … test_batch.bin; or Python version: data_batch_1 … test_batch',
    source: {
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
      md5: 'c32a1d4ab5d03f1284b67883e8d87530',
      archive: 'tar.gz',
      folder: 'cifar-10-batches-bin',
    },
  },
  'cifar-100': {
    classes: 100,
    side: 32,
    normalisation: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    layout: 'binary version: train.bin, test.bin; or Python version: train, test',
    source: {
      url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
      md5: '03b5dce01913d631647c71ecec9e9cb8',
      archive: 'tar.gz',
      folder: 'cifar-100-binary',
    },
  },
  'tiny-imagenet': {
    classes: 200,
    side: 64,
    normalisation: { mean: [0.4802, 0.4481, 0.3975], std: [0.277, 0.2691, 0.2821] },
    layout: 'train/<wnid>/images/*.JPEG, val/images/*.JPEG',
    source: {
      url: 'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
      md5: '90528d7ca1a48142e341f4ef8d21d0de',
      archive: 'zip',
      folder: 'tiny-imagenet-200',
    },
    probeBatch: 128,
  },
  'stl-10': {
    classes: 10,
    side: 96,
    normalisation: { mean: [0.4467, 0.4398, 0.4066], std: [0.2603, 0.2566, 0.2712] },
    layout: 'binary version: train_X.bin, train_y.bin …',
    source: {
      url: 'http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz',
      md5: '91f7769df0f17e558f3565bffb0c7dfb',
      archive: 'tar.gz',
      folder: 'stl10_binary',
    },
  },
  imagenet: {
    classes: 1000,
    normalisation: imagenetNormalisation,
    layout: 'train/<wnid>/*.JPEG; val/<wnid>/ or val/*.JPEG with a list of truth',
  },
  'image-folder': {
    classes: 0,
    normalisation: imagenetNormalisation,
    layout: 'train/<class>/…, val/<class>/…: JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, AVIF',
  },
  webdataset: {
    classes: 0,
    normalisation: imagenetNormalisation,
    layout: 'train-*.tar, val-*.tar of .jpg (or .png, .webp …) and .cls',
    inS3: true,
  },
} as const satisfies Record<string, DatasetFacts>;

export type DatasetName = keyof typeof datasetFacts;

export const isDatasetName = (name: string): name is DatasetName => Object.hasOwn(datasetFacts, name);

export const datasetNames = Object.keys(datasetFacts).filter(isDatasetName);

/** Of a data set whose name is not known until it runs. */
export const factsOf = (name: DatasetName): DatasetFacts => datasetFacts[name];
