import { McldError } from '@mcld/errors/mcld-error.js';
import type { Meaning } from '@mcld/errors/meaning.js';

const missing = { status: 'NOT_FOUND', reason: 'DATASET_MISSING' } as const;

/** Thrown for data that is not there or not what its format says. The message names the file. */
export class DatasetError extends McldError {
  static override readonly meaning: Meaning = { status: 'DATA_LOSS', reason: 'DATASET_DAMAGED' };

  constructor(
    readonly fault: 'missing' | 'damaged',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, { ...(fault === 'missing' && missing), ...options });
  }
}
