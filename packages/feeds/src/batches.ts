import type { StreamBatchesResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { BatchSpec, Cursor } from '@mcld/contracts/mcld/v1/views.js';
import type { LoaderClient } from './clients.js';
import { nextCursor } from './cursors.js';
import { Feed, type FeedOptions } from './feed.js';
import { PREFETCHED_STEPS } from './limits.js';
import { type Piece, wholeArrays } from './pieces.js';
import { StreamError } from './stream-error.js';

export interface Batch {
  readonly cursor: Cursor;
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** Empty for a split without labels. */
  readonly labels: Int32Array;
  /** Share of a row's own label where images are mixed: the rest is the label of row B − 1 − i. Otherwise 0. */
  readonly ownShare: number;
}

/** A sequence of steps, from a cursor on. */
export interface StepsRequest {
  readonly spec: BatchSpec;
  readonly from: Cursor;
  /** Of the whole sequence; the stream ends after the last. */
  readonly epochs: number;
  /** See `stepsPerEpochOf`. */
  readonly stepsPerEpoch: number;
}

/** Where a stream that broke off after `last` goes on. */
export function cursorAfter(last: { readonly cursor: Cursor } | undefined, request: StepsRequest): Cursor {
  return last ? nextCursor(last.cursor, request.stepsPerEpoch) : request.from;
}

/** Whole batches, by default PREFETCHED_STEPS ahead. */
export function openBatches(
  loader: Pick<LoaderClient, 'streamBatches'>,
  request: StepsRequest,
  options: FeedOptions = {},
): Feed<Batch> {
  const open = (last: Batch | undefined, signal: AbortSignal) =>
    wholeArrays(loader.streamBatches({ ...request, from: cursorAfter(last, request) }, { signal }), pieceOf, batchOf);
  return new Feed({ what: 'batches', service: 'data loader' }, open, { ahead: PREFETCHED_STEPS, ...options });
}

const pieceOf = ({ part, pixels }: StreamBatchesResponse): Piece | undefined => part && { ...part, bytes: pixels };

function batchOf(pixels: Uint8Array<ArrayBuffer>, { cursor, labels, ownShare }: StreamBatchesResponse): Batch {
  if (!cursor) throw new StreamError('the data loader sent a batch without its cursor');
  return { cursor, pixels, labels: Int32Array.from(labels), ownShare };
}
