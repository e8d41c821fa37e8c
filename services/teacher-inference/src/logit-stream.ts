import type { StreamPlansResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { Cursor, Views } from '@mcld/contracts/mcld/v1/views.js';
import type { LogitSource, ViewAddress } from './teacher.js';

/** Steps looked ahead, to fill compute batches with views that will be wanted soon. */
const AHEAD = 16;

export interface StepLogits {
  readonly cursor: Cursor;
  readonly rows: number;
  /** float32 [rows, classes]. */
  readonly logits: Float32Array;
}

interface PlannedStep {
  readonly cursor: Cursor;
  readonly views: readonly ViewAddress[];
  /** How many of its views were computed on its behalf or an earlier step's of this stream. */
  computed: number;
}

/**
 * The logits of each planned step, in order. Stored views cost nothing; missing ones are gathered
 * from the steps ahead until a compute batch is full, so that padding is rare.
 */
export async function* streamStepLogits(
  plans: AsyncIterable<StreamPlansResponse>,
  source: LogitSource,
): AsyncGenerator<StepLogits> {
  const { classes, parts } = source.teacher;
  const iterator = plans[Symbol.asyncIterator]();
  const window: PlannedStep[] = [];
  // Rows that a full store did not take, until their step has been sent.
  const homeless = new Map<string, Float32Array>();
  let ended = false;

  const known = ({ index, code }: ViewAddress) => source.store.has(index, code) || homeless.has(`${index} ${code}`);

  try {
    while (true) {
      while (!ended && window.length < AHEAD) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else window.push(planned(next.value));
      }
      const [head] = window;
      if (!head) return;
      if (!head.views.every(known)) {
        const wanted = gather(window, known, parts.batch);
        for (const [key, row] of await source.compute(wanted)) homeless.set(key, row);
        continue;
      }
      window.shift();
      source.countStored(head.views.length - head.computed);
      const logits = new Float32Array(head.views.length * classes);
      for (const [i, { index, code }] of head.views.entries()) {
        const row = source.store.get(index, code) ?? homeless.get(`${index} ${code}`);
        logits.set(row as Float32Array, i * classes);
      }
      for (const { index, code } of head.views) homeless.delete(`${index} ${code}`);
      yield { cursor: head.cursor, rows: head.views.length, logits };
    }
  } finally {
    await iterator.return?.();
  }
}

function planned({ cursor, views }: StreamPlansResponse): PlannedStep {
  const { index, code } = views as Views;
  return {
    cursor: cursor as Cursor,
    views: index.map((image, i) => ({ index: image, code: code[i] as number })),
    computed: 0,
  };
}

/** Distinct unknown views in the order of their steps, at most `limit`. */
function gather(window: readonly PlannedStep[], known: (view: ViewAddress) => boolean, limit: number): ViewAddress[] {
  const wanted = new Map<string, ViewAddress>();
  for (const step of window) {
    for (const view of step.views) {
      const key = `${view.index} ${view.code}`;
      if (wanted.has(key) || known(view)) continue;
      if (wanted.size === limit) return [...wanted.values()];
      wanted.set(key, view);
      step.computed++;
    }
  }
  return [...wanted.values()];
}
