import type { StreamRowsResponse } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';
import type { Rows } from '@mcld/platform/rows.js';
import { cursorAfter, type StepsRequest } from './batches.js';
import type { TeacherClient } from './clients.js';
import { Feed, type FeedOptions } from './feed.js';
import { PREFETCHED_STEPS } from './limits.js';
import { wholeArrays } from './pieces.js';
import { rowsOf, rowsPieceOf } from './rows-pieces.js';
import { StreamError } from './stream-error.js';

/** What one of a teacher's outputs says of the views of one step. */
export interface StepRows {
  readonly cursor: Cursor;
  /** In the order of the batch; its buffer may be transferred. */
  readonly rows: Rows;
}

export interface StepRowsRequest extends StepsRequest {
  readonly teacherDigest: string;
  /** Which of the teacher's outputs: 'logits', say. */
  readonly output: string;
  /** Of stored rows: '' is fp32. */
  readonly precision: string;
}

/** The teacher's rows for each step, by default PREFETCHED_STEPS ahead. */
export function openStepRows(
  teacher: Pick<TeacherClient, 'streamRows'>,
  request: StepRowsRequest,
  options: FeedOptions = {},
): Feed<StepRows> {
  const open = (last: StepRows | undefined, signal: AbortSignal) =>
    wholeArrays(teacher.streamRows({ ...request, from: cursorAfter(last, request) }, { signal }), rowsPieceOf, stepOf);
  return new Feed({ what: request.output, service: 'teacher' }, open, { ahead: PREFETCHED_STEPS, ...options });
}

function stepOf(bytes: Uint8Array, message: StreamRowsResponse): StepRows {
  const { cursor } = message;
  if (!cursor) throw new StreamError("the teacher sent a step's rows without their cursor");
  return { cursor, rows: rowsOf(bytes, message) };
}
