import type { StreamLogitsResponse } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { Rows } from '@mcld/platform/rows.js';
import { cursorAfter, type StepsRequest } from './batches.js';
import type { TeacherClient } from './clients.js';
import { Feed, type FeedOptions } from './feed.js';
import { PREFETCHED_STEPS } from './limits.js';
import { type Piece, wholeArrays } from './pieces.js';
import { StreamError } from './stream-error.js';

/** A teacher's output for the views of one step. */
export interface StepRows {
  readonly cursor: Cursor;
  /** In the order of the batch. Its buffer is its own. */
  readonly rows: Rows;
}

export interface StepRowsRequest extends StepsRequest {
  readonly teacherDigest: string;
  /** Of stored rows: '' is fp32. */
  readonly precision: string;
}

/** The teacher's rows for each step, PREFETCHED_STEPS ahead unless told otherwise. */
export function openStepRows(
  teacher: Pick<TeacherClient, 'streamLogits'>,
  request: StepRowsRequest,
  options: FeedOptions = {},
): Feed<StepRows> {
  const open = (last: StepRows | undefined, signal: AbortSignal) =>
    readRows(teacher.streamLogits({ ...request, from: cursorAfter(last, request) }, { signal }));
  return new Feed({ what: 'logits', service: 'teacher' }, open, { ahead: PREFETCHED_STEPS, ...options });
}

const pieceOf = ({ logits: bytes, totalBytes, offset }: StreamLogitsResponse): Piece => ({ bytes, totalBytes, offset });

async function* readRows(messages: AsyncIterable<StreamLogitsResponse>): AsyncGenerator<StepRows> {
  for await (const { head, bytes } of wholeArrays(messages, pieceOf)) {
    const { cursor, classes } = head;
    if (!cursor) throw new StreamError("the teacher sent a step's logits without their cursor");
    yield { cursor, rows: Rows.ofBytes(bytes, classes) };
  }
}
