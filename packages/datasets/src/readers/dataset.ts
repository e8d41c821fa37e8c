import type { Picture } from '../views/picture.js';
import type { FingerprintMemory } from './fingerprint.js';
import type { PassedOver } from './passed-over.js';

/** `unlabeled` is STL-10's third split. */
export type Split = 'train' | 'test' | 'unlabeled';

export const splits: readonly Split[] = ['train', 'test', 'unlabeled'];

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Images with labels, addressed by row. */
export interface Dataset {
  readonly count: number;
  readonly classNames: readonly string[];
  /** Of every image; undefined where they differ. */
  readonly imageSize: ImageSize | undefined;
  /** Class of each image, 0…classes−1; empty for a split without labels. */
  readonly labels: Uint16Array;
  /** sha256 in hex over content, order and labels. */
  readonly fingerprint: string;
  /** What the data are where they are not the original ones; else empty. */
  readonly standIn: string;
  /** What of its files is not used. */
  readonly passedOver: readonly PassedOver[];
  /** All images in memory, uint8 [count, height, width, 3], where they are. */
  readonly raw?: Uint8Array;
  /** Whether a picture has to be read and decoded; otherwise it is in memory. */
  readonly encoded: boolean;
  /** @throws DatasetError when the image's file is gone or damaged */
  picture(row: number): Picture | Promise<Picture>;
}

/** Where and how to open a data set. */
export interface DatasetLocation {
  /** Folder with the official files. */
  readonly root: string;
  readonly split: Split;
  /** Whether images that cannot be decoded are looked for at opening and left out, or met when asked for. */
  readonly skipDamaged: boolean;
  readonly memory: FingerprintMemory;
}
