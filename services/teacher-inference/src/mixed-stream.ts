import type { BatchSpec, Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { nextCursor } from '@mcld/platform/cursor.js';
import { Assembly } from '@mcld/platform/grpc/chunks.js';
import { resuming } from '@mcld/platform/grpc/retrying.js';
import type { LogitSource } from './logit-source.js';
import type { StepLogits } from './logit-stream.js';

const MAX_BYTES = 1 << 30;

/** Whether a specification mixes images: then logits are of what no other step shows, and are not stored. */
export const mixes = ({ mix }: BatchSpec): boolean => mix !== undefined && (mix.mixup > 0 || mix.cutmix > 0);

interface MixedBatch {
  readonly cursor: Cursor;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** The logits of each step's mixed pixels, in order, computed as they are asked for. */
export async function* streamMixedLogits(
  source: LogitSource,
  spec: BatchSpec,
  from: Cursor,
  epochs: number,
): AsyncGenerator<StepLogits> {
  const { described, classes, batch } = source;
  const stepsPerEpoch = Math.ceil(described.count / spec.batchSize);
  const after = (last: MixedBatch | undefined) => (last ? nextCursor(last.cursor, stepsPerEpoch) : from);
  const bytes = described.height * described.width * 3;
  for await (const { cursor, pixels } of resuming((last: MixedBatch | undefined) =>
    readBatches(source, spec, after(last), epochs),
  )) {
    const rows = pixels.length / bytes;
    const logits = new Float32Array(rows * classes);
    for (let row = 0; row < rows; row += batch) {
      const part = Uint8Array.from(pixels.subarray(row * bytes, (row + batch) * bytes));
      logits.set(await source.forward(part, (i) => `row ${row + i} of a step's mixed images`), row * classes);
    }
    yield { cursor, rows, logits };
  }
}

async function* readBatches(
  source: LogitSource,
  spec: BatchSpec,
  from: Cursor,
  epochs: number,
): AsyncGenerator<MixedBatch> {
  const assembly = new Assembly(MAX_BYTES);
  const { loader } = source.teacher.parts;
  for await (const { cursor, part, pixels: bytes } of loader.streamBatches({ spec, from, epochs })) {
    if (!part || !cursor) throw new Error('the data loader sent a batch without pixels or cursor');
    const pixels = assembly.add({ bytes, totalBytes: part.totalBytes, offset: part.offset });
    if (pixels) yield { cursor, pixels };
  }
}
