import type { DatasetName } from '../facts.js';
import { openCifar10, openCifar100 } from './cifar.js';
import type { Dataset, DatasetLocation } from './dataset.js';
import { openImageFolder } from './image-folder.js';
import { openImagenet } from './imagenet.js';
import { openStl10 } from './stl10.js';
import { openTinyImagenet } from './tiny-imagenet.js';
import { openWebDataset } from './webdataset.js';

/** What reads each data set of facts.ts. */
export const readers: Readonly<Record<DatasetName, (location: DatasetLocation) => Promise<Dataset>>> = {
  'cifar-10': openCifar10,
  'cifar-100': openCifar100,
  'tiny-imagenet': openTinyImagenet,
  'stl-10': openStl10,
  imagenet: openImagenet,
  'image-folder': openImageFolder,
  webdataset: openWebDataset,
};
