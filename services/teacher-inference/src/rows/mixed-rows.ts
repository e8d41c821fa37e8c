import { openBatches, type StepsRequest } from '@mcld/feeds/batches.js';
import { MIXED_BATCHES_AHEAD } from '@mcld/feeds/limits.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import type { StepRows } from '@mcld/feeds/step-rows.js';
import { watched } from '@mcld/feeds/watched.js';
import { Rows } from '@mcld/platform/rows.js';
import type { RowSource } from './row-source.js';

/**
 * The rows of each step's mixed pixels, in order, computed as they are asked for. No other step shows what they are of,
 * so they are not stored.
 */
export async function* mixedRows(
  source: RowSource,
  request: StepsRequest,
  signal: AbortSignal,
): AsyncGenerator<StepRows> {
  const { described, width, batch } = source;
  const { loader, logger, waits } = source.parts;
  const bytes = described.height * described.width * 3;
  const batches = openBatches(loader, request, { signal, ahead: MIXED_BATCHES_AHEAD, onRetry: logRetries(logger) });
  for await (const { cursor, pixels } of watched(batches, waits)) {
    const rows = Rows.zeros(pixels.length / bytes, width);
    for (let row = 0; row < rows.count; row += batch) {
      const part = Uint8Array.from(pixels.subarray(row * bytes, (row + batch) * bytes));
      const computed = await source.forward(part, (i) => `row ${row + i} of a step's mixed images`);
      rows.values.set(computed.values, row * width);
    }
    yield { cursor, rows };
  }
}
