import type { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec, Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { nextCursor } from '@mcld/platform/cursor.js';
import { Assembly, float32Of } from '@mcld/platform/grpc/chunks.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { resuming } from '@mcld/platform/grpc/retrying.js';
import { prefetch } from '@mcld/platform/prefetch.js';

/** Batches fetched while a step runs: enough to hide a fetch, few enough to stay small. */
const DEPTH = 3;

/** Bounds what a sender can make this service hold: 512 images of 224×224 are 77 MB. */
const MAX_BATCH_BYTES = 1 << 29;

export interface Batch {
  readonly cursor: Cursor;
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly labels: Int32Array;
  /** Of a row's own label where images are mixed: the rest is the label of row B − 1 − i. Otherwise 0. */
  readonly ownShare: number;
}

export interface StepTarget {
  readonly cursor: Cursor;
  /** float32 [B, classes]. */
  readonly logits: Float32Array<ArrayBuffer>;
}

export interface FeedRequest {
  readonly spec: BatchSpec;
  readonly from: Cursor;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

export interface LogitRequest extends FeedRequest {
  readonly teacherDigest: string;
  /** Of stored rows. */
  readonly precision: string;
}

type Loader = OpenClient<typeof DataLoaderServiceDefinition>['client'];
type TeacherClient = OpenClient<typeof TeacherInferenceServiceDefinition>['client'];

/** Where a stream that broke off after `last` goes on. */
function after(last: { readonly cursor: Cursor } | undefined, { from, stepsPerEpoch }: FeedRequest): Cursor {
  return last ? nextCursor(last.cursor, stepsPerEpoch) : from;
}

/** Whole batches from a cursor on, a few of them ahead; from another replica where one goes away. */
export function batches(loader: Loader, request: FeedRequest, signal: AbortSignal): AsyncGenerator<Batch> {
  const open = (last: Batch | undefined) => readBatches(loader, { ...request, from: after(last, request) }, signal);
  return prefetch(resuming(open, signal), DEPTH);
}

async function* readBatches(loader: Loader, request: FeedRequest, signal: AbortSignal): AsyncGenerator<Batch> {
  const assembly = new Assembly(MAX_BATCH_BYTES);
  let labels = new Int32Array();
  for await (const message of loader.streamBatches(request, { signal })) {
    const { part, cursor, pixels: bytes, ownShare } = message;
    if (!part || !cursor) throw new Error('the data loader sent a batch without pixels or cursor');
    if (part.offset === 0) labels = Int32Array.from(message.labels);
    const pixels = assembly.add({ bytes, totalBytes: part.totalBytes, offset: part.offset });
    if (pixels) yield { cursor, pixels, labels, ownShare };
  }
}

/** The teacher's logits for each step from a cursor on, as `batches`. */
export function teacherLogits(
  teacher: TeacherClient,
  request: LogitRequest,
  signal: AbortSignal,
): AsyncGenerator<StepTarget> {
  const open = (last: StepTarget | undefined) =>
    readLogits(teacher, { ...request, from: after(last, request) }, signal);
  return prefetch(resuming(open, signal), DEPTH);
}

async function* readLogits(
  teacher: TeacherClient,
  request: LogitRequest,
  signal: AbortSignal,
): AsyncGenerator<StepTarget> {
  const assembly = new Assembly(MAX_BATCH_BYTES);
  for await (const { cursor, logits, totalBytes, offset } of teacher.streamLogits(request, { signal })) {
    const whole = assembly.add({ bytes: logits, totalBytes, offset });
    if (whole && cursor) yield { cursor, logits: float32Of(whole) };
  }
}
