import { McldError } from '@mcld/errors/mcld-error.js';
import { permutation, viewCode } from '@mcld/random/draws.js';
import { type Augmentation, cropCodes, isEnumerated } from './augmentation.js';

/** A place in a sequence of batches; both count from 0. */
export interface Cursor {
  readonly epoch: number;
  readonly step: number;
}

/** Addresses of a batch's augmented images. */
export interface BatchViews {
  readonly index: Uint32Array;
  readonly code: Uint32Array;
}

export interface SequenceSpec {
  /** Images in the data set. */
  readonly count: number;
  /** Images of a step; its rows are `viewsPerStep` times as many. */
  readonly batchSize: number;
  readonly augmentation: Augmentation;
  readonly shuffle: boolean;
  readonly seed: number;
}

/** Thrown for a cursor outside its sequence. */
export class CursorError extends McldError {
  static override readonly meaning = { status: 'OUT_OF_RANGE', reason: 'CURSOR_OUT_OF_RANGE' } as const;
}

/**
 * Batches as a pure function of spec and cursor: any process computes any of them, in any order. The last batch of an
 * epoch is kept even when it is smaller. An image's views in a step stand side by side.
 */
export class BatchSequence {
  readonly stepsPerEpoch: number;
  // The permutation of the epoch asked for last: the only thing kept.
  #epoch = -1;
  #order: Uint32Array = new Uint32Array();

  constructor(readonly spec: SequenceSpec) {
    this.stepsPerEpoch = Math.ceil(spec.count / spec.batchSize);
  }

  /** @throws CursorError when the step is not in the epoch */
  views({ epoch, step }: Cursor): BatchViews {
    const { batchSize, augmentation, count } = this.spec;
    if (step >= this.stepsPerEpoch) {
      throw new CursorError(`step ${step} of epoch ${epoch}: an epoch has steps 0 to ${this.stepsPerEpoch - 1}`);
    }
    const start = step * batchSize;
    const images = this.#permutation(epoch).subarray(start, Math.min(start + batchSize, count));
    const { viewsPerStep } = augmentation;
    const index = new Uint32Array(images.length * viewsPerStep);
    const code = new Uint32Array(index.length);
    for (const [i, image] of images.entries()) {
      for (let view = 0; view < viewsPerStep; view++) {
        const row = i * viewsPerStep + view;
        index[row] = image;
        code[row] = this.#code(image, epoch * viewsPerStep + view);
      }
    }
    return { index, code };
  }

  /** Which view an image is shown in for the n-th time. */
  #code(image: number, n: number): number {
    const { augmentation, seed } = this.spec;
    const number = augmentation.viewsPerImage > 0 ? n % augmentation.viewsPerImage : n;
    if (!isEnumerated(augmentation)) return number;
    const codes = cropCodes(augmentation);
    return codes === 1 ? 0 : viewCode(image, codes, seed, number);
  }

  /** Cursors from `from` to the end of `epochs` epochs. */
  *cursors(from: Cursor, epochs: number): Generator<Cursor> {
    if (from.step >= this.stepsPerEpoch && from.epoch < epochs) this.views(from);
    for (let epoch = from.epoch; epoch < epochs; epoch++) {
      for (let step = epoch === from.epoch ? from.step : 0; step < this.stepsPerEpoch; step++) yield { epoch, step };
    }
  }

  #permutation(epoch: number): Uint32Array {
    if (this.#epoch !== epoch) {
      const { count, seed, shuffle } = this.spec;
      this.#order = shuffle ? permutation(count, seed, epoch) : Uint32Array.from({ length: count }, (_, i) => i);
      this.#epoch = epoch;
    }
    return this.#order;
  }
}
