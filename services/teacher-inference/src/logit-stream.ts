import type { StreamPlansResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { Cursor, Views } from '@mcld/contracts/mcld/v1/views.js';
import { assertNumbers } from './answers.js';
import type { Coming, ViewAddress } from './compute-queue.js';
import type { LogitSource } from './logit-source.js';

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
  readonly views: Views;
  /** Rows that are on their way, by their place in the step. */
  readonly coming: Map<number, Coming>;
}

/**
 * The logits of each planned step, in order. Stored views cost a look-up; missing ones of the steps ahead are asked for
 * early, so that compute batches are full.
 */
export async function* streamStepLogits(
  plans: AsyncIterable<StreamPlansResponse>,
  source: LogitSource,
): AsyncGenerator<StepLogits> {
  const iterator = plans[Symbol.asyncIterator]();
  const window: PlannedStep[] = [];
  let ended = false;
  try {
    while (true) {
      while (!ended && window.length < AHEAD) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else window.push(planned(next.value, source));
      }
      const head = window.shift();
      if (!head) return;
      yield await complete(head, source);
    }
  } finally {
    await iterator.return?.();
  }
}

function planned({ cursor, views }: StreamPlansResponse, source: LogitSource): PlannedStep {
  const { index, code } = views as Views;
  const coming = new Map<number, Coming>();
  for (const [i, image] of index.entries()) {
    const view = { index: image, code: code[i] as number };
    if (!source.store.has(view.index, view.code)) coming.set(i, source.request(view));
  }
  return { cursor: cursor as Cursor, views: views as Views, coming };
}

async function complete({ cursor, views, coming }: PlannedStep, source: LogitSource): Promise<StepLogits> {
  const { index, code } = views;
  const { classes } = source;
  const rows = index.length;
  const logits = new Float32Array(rows * classes);
  const viewAt = (i: number): ViewAddress => ({ index: index[i] as number, code: code[i] as number });
  for (const i of coming.keys()) source.hurry(viewAt(i));
  const there = source.store.read(Uint32Array.from(index), Uint32Array.from(code), logits);
  for (let i = 0; i < rows; i++) {
    // What was stored and turned out to be damaged is asked for now.
    if (there[i] === 1 || coming.has(i)) continue;
    coming.set(i, source.request(viewAt(i)));
    source.hurry(viewAt(i));
  }
  for (const [i, { row }] of coming) if (there[i] !== 1) logits.set(await row, i * classes);
  const { computer, digest } = source.teacher;
  // Rows that an earlier build stored, above all: what is computed now need not have come this far.
  assertNumbers(logits, computer, (row) => {
    const remedy = `as it is stored ('mcld cache gc --teacher ${digest.slice(0, 12)}' removes what is stored),`;
    return there[row] === 1 ? `image ${index[row]}, ${remedy}` : `image ${index[row]}`;
  });
  source.countStored(rows - [...coming.values()].filter(({ isFirst }) => isFirst).length);
  return { cursor, rows, logits };
}
