import type { StreamViewsResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { Augmentation, BatchSpec, DatasetRef, Views } from '@mcld/contracts/mcld/v1/views.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import type { Rows } from '@mcld/platform/rows.js';
import type { LoaderClient, TeacherClient } from './clients.js';
import type { FeedOptions } from './feed.js';
import { onlyArray, type Piece } from './pieces.js';
import { rowsOf, rowsPieceOf } from './rows-pieces.js';
import { StreamError } from './stream-error.js';

/** One image in one of its views; see views.proto. */
export interface ViewAddress {
  readonly index: number;
  readonly code: number;
}

/** @param views as many codes as indices */
export function addressesOf({ index, code }: Views): ViewAddress[] {
  return index.map((image, i) => ({ index: image, code: code[i] ?? 0 }));
}

const wireViews = (views: readonly ViewAddress[]) => ({
  index: views.map(({ index }) => index),
  code: views.map(({ code }) => code),
});

/** What views are of. */
export interface ViewsOf {
  readonly dataset: DatasetRef | undefined;
  readonly augmentation: Augmentation | undefined;
  readonly seed: number;
}

/**
 * Pixels of views in the order asked for, uint8 [n, height, width, 3]; asked for again while the loader is out of
 * reach.
 */
export function fetchPixels(
  loader: Pick<LoaderClient, 'streamViews'>,
  of: ViewsOf,
  views: readonly ViewAddress[],
  { signal, onRetry }: Pick<FeedOptions, 'signal' | 'onRetry'> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const request = { ...of, views: wireViews(views) };
  const fetch = () => onlyArray(loader.streamViews(request, signal ? { signal } : {}), pieceOf, (pixels) => pixels);
  const name = { what: 'views', service: 'data loader' };
  return retrying(fetch, { signal, onRetry: (retry) => onRetry?.({ ...name, ...retry }) });
}

const pieceOf = ({ part, pixels }: StreamViewsResponse): Piece | undefined => part && { ...part, bytes: pixels };

/** Which of a teacher's rows are meant. */
export interface RowsOf {
  readonly teacherDigest: string;
  readonly output: string;
  readonly spec: BatchSpec;
  readonly precision: string;
}

/**
 * Rows of views in the order asked for, of another replica of the teacher. Not tried again: its caller can compute
 * them.
 * @throws StreamError where there is not one row for each view
 */
export async function fetchRows(
  teacher: Pick<TeacherClient, 'computeRows'>,
  of: RowsOf,
  views: readonly ViewAddress[],
): Promise<Rows> {
  const rows = await onlyArray(teacher.computeRows({ ...of, views: wireViews(views) }), rowsPieceOf, rowsOf);
  if (rows.count !== views.length) throw new StreamError(`${rows.count} rows came for ${views.length} views`);
  return rows;
}
