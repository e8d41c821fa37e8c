import type { Cursor, Views } from '@mcld/contracts/mcld/v1/views.js';
import { PLANNED_STEPS_AHEAD } from '@mcld/feeds/limits.js';
import type { StepPlan } from '@mcld/feeds/plans.js';
import type { StepRows } from '@mcld/feeds/step-rows.js';
import type { ViewAddress } from '@mcld/feeds/views.js';
import { Rows } from '@mcld/platform/rows.js';
import { assertNumbers } from '../computers/answers.js';
import type { Coming } from './compute-queue.js';
import type { RowSource } from './row-source.js';

interface PlannedStep {
  readonly cursor: Cursor;
  readonly views: Views;
  /** Rows that are on their way, by their place in the step. */
  readonly coming: Map<number, Coming>;
}

/**
 * The rows of each planned step, in order. Stored views cost a look-up; missing ones of the steps ahead are asked for
 * early, so that compute batches are full.
 */
export async function* plannedRows(plans: AsyncIterable<StepPlan>, source: RowSource): AsyncGenerator<StepRows> {
  const iterator = plans[Symbol.asyncIterator]();
  const window: PlannedStep[] = [];
  let ended = false;
  try {
    while (true) {
      while (!ended && window.length < PLANNED_STEPS_AHEAD) {
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

function planned({ cursor, views }: StepPlan, source: RowSource): PlannedStep {
  const { index, code } = views;
  const coming = new Map<number, Coming>();
  for (const [i, image] of index.entries()) {
    const view = { index: image, code: code[i] ?? 0 };
    if (!source.store.has(view.index, view.code)) coming.set(i, source.request(view));
  }
  return { cursor, views, coming };
}

async function complete({ cursor, views, coming }: PlannedStep, source: RowSource): Promise<StepRows> {
  const { index, code } = views;
  const rows = Rows.zeros(index.length, source.width);
  const viewAt = (i: number): ViewAddress => ({ index: index[i] ?? 0, code: code[i] ?? 0 });
  for (const i of coming.keys()) source.hurry(viewAt(i));
  const storedMask = source.store.read(Uint32Array.from(index), Uint32Array.from(code), rows);
  for (let i = 0; i < rows.count; i++) {
    // What was stored and turned out to be damaged is asked for now.
    if (storedMask[i] === 1 || coming.has(i)) continue;
    coming.set(i, source.request(viewAt(i)));
    source.hurry(viewAt(i));
  }
  for (const [i, { row }] of coming) if (storedMask[i] !== 1) rows.set(i, await row);
  const { computer, digest } = source.teacher;
  // Rows that an earlier build stored, above all: what is computed now need not have come this far.
  assertNumbers(rows, computer, (row) => {
    const remedy = `as it is stored ('mcld cache gc --teacher ${digest.slice(0, 12)}' removes what is stored),`;
    return storedMask[row] === 1 ? `image ${index[row]}, ${remedy}` : `image ${index[row]}`;
  });
  source.countStored(rows.count - [...coming.values()].filter(({ isFirst }) => isFirst).length);
  return { cursor, rows };
}
