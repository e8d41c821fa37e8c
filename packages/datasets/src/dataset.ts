/** Thrown for data that is not there or not what its format says. The message names the file. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';

  constructor(
    readonly reason: 'missing' | 'damaged',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type Split = 'train' | 'test';

/** Images with labels, addressed by row. */
export interface Dataset {
  readonly count: number;
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  /** Class of each image, 0…classes−1. */
  readonly labels: Uint16Array;
  /** sha256 in hex over content, order and labels. */
  readonly fingerprint: string;
  /** What the data are where they are not the original ones; else empty. */
  readonly standIn: string;
  /**
   * Pixels of the named rows, uint8 [height, width, 3] each; not to be written to.
   * @throws DatasetError when an image's file is damaged
   */
  images(rows: ArrayLike<number>): Promise<readonly Uint8Array[]>;
}

/** Where and how to open a data set. */
export interface DatasetLocation {
  /** Folder with the official files. */
  readonly root: string;
  readonly split: Split;
  /** Side that images are resized to; 0 keeps their size. */
  readonly size: number;
}
