import type {
  BatchSpec,
  Views,
  Augmentation as WireAugmentation,
  Mix as WireMix,
} from '@mcld/contracts/mcld/v1/views.js';
import type { ImageSize } from '@mcld/datasets/readers/dataset.js';
import {
  type Augmentation,
  augmentationSchema,
  MAX_VIEW_NUMBER,
  viewCodes,
} from '@mcld/datasets/views/augmentation.js';
import type { BatchViews, SequenceSpec } from '@mcld/datasets/views/batch-sequence.js';
import { isMixed, type Mix, mixSchema } from '@mcld/datasets/views/mix.js';
import { MAX_ARRAY_BYTES, MAX_BATCH_ROWS } from '@mcld/feeds/limits.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import type { z } from 'zod';

/** The first complaint of a schema, as an error that names its field. */
function refusal(field: string, error: z.ZodError): RequestError {
  const [issue] = error.issues;
  const place = [field, ...(issue?.path ?? [])].join('.');
  return new RequestError(`${place}: ${issue?.message} (found ${JSON.stringify(issue?.input)})`);
}

/** @returns undefined where nothing is mixed @throws RequestError naming the field */
export function mixOf(wire: WireMix | undefined): Mix | undefined {
  const result = mixSchema.safeParse(wire ?? {}, { reportInput: true });
  if (!result.success) throw refusal('spec.mix', result.error);
  return isMixed(result.data) ? result.data : undefined;
}

/** @throws RequestError naming the field */
export function augmentationOf(wire: WireAugmentation | undefined): Augmentation {
  const { cropPadding = 0, horizontalFlip = false, viewsPerStep = 0, ...rest } = wire ?? {};
  const result = augmentationSchema.safeParse(
    { ...rest, cropPadding, horizontalFlip, viewsPerStep: viewsPerStep || 1 },
    { reportInput: true },
  );
  if (result.success) return result.data;
  throw refusal('augmentation', result.error);
}

export function sequenceSpecOf(spec: BatchSpec | undefined, count: number, size: ImageSize): SequenceSpec {
  const { batchSize = 0, shuffle = false, seed = 0 } = spec ?? {};
  const augmentation = augmentationOf(spec?.augmentation);
  const rows = batchSize * augmentation.viewsPerStep;
  if (batchSize < 1 || rows > MAX_BATCH_ROWS) {
    throw new RequestError(`spec.batch_size ${batchSize}: expected 1 to ${MAX_BATCH_ROWS / augmentation.viewsPerStep}`);
  }
  assertBytes('spec.batch_size', rows, size);
  return { count, batchSize, shuffle, seed, augmentation };
}

/** The epochs of a sequence. @throws RequestError for more than views are numbered for */
export function epochsOf(epochs: number): number {
  if (epochs >= 1 && epochs <= MAX_VIEW_NUMBER) return epochs;
  throw new RequestError(`epochs ${epochs}: expected 1 to ${MAX_VIEW_NUMBER}`);
}

export function viewsOf(
  wire: Views | undefined,
  augmentation: Augmentation,
  count: number,
  size: ImageSize,
): BatchViews {
  const { index = [], code = [] } = wire ?? {};
  if (index.length !== code.length || index.length === 0 || index.length > MAX_BATCH_ROWS) {
    throw new RequestError(
      `views: ${index.length} indices and ${code.length} codes, expected as many of both, 1 to ${MAX_BATCH_ROWS}`,
    );
  }
  assertBytes('views', index.length, size);
  const codes = viewCodes(augmentation);
  for (const [i, image] of index.entries()) {
    if (image >= count) throw new RequestError(`views.index[${i}] ${image}: the data set has ${count} images`);
  }
  for (const [i, view] of code.entries()) {
    if (view >= codes) throw new RequestError(`views.code[${i}] ${view}: there are ${codes} views`);
  }
  return { index: Uint32Array.from(index), code: Uint32Array.from(code) };
}

function assertBytes(field: string, rows: number, { height, width }: ImageSize): void {
  const bytes = rows * height * width * 3;
  if (bytes > MAX_ARRAY_BYTES)
    throw new RequestError(`${field}: ${rows} images are ${bytes} bytes; at most ${MAX_ARRAY_BYTES} are sent`);
}
