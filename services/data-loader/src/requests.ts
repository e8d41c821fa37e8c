import type { BatchSpec, Views, Augmentation as WireAugmentation } from '@mcld/contracts/mcld/v1/views.js';
import { type Augmentation, viewsPerImage } from '@mcld/datasets/augmentation.js';
import type { BatchViews, SequenceSpec } from '@mcld/datasets/batch-sequence.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';

/** Largest batch that is cut; bounds a request's memory. */
const MAX_BATCH = 8192;

export function augmentationOf(wire: WireAugmentation | undefined): Augmentation {
  const { cropPadding = 0, horizontalFlip = false } = wire ?? {};
  if (cropPadding > 16) throw new RequestError(`augmentation.crop_padding ${cropPadding}: expected at most 16`);
  return { cropPadding, horizontalFlip };
}

export function sequenceSpecOf(spec: BatchSpec | undefined, count: number): SequenceSpec {
  const { batchSize = 0, shuffle = false, seed = 0 } = spec ?? {};
  if (batchSize < 1 || batchSize > MAX_BATCH) {
    throw new RequestError(`spec.batch_size ${batchSize}: expected 1 to ${MAX_BATCH}`);
  }
  return { count, batchSize, shuffle, seed, augmentation: augmentationOf(spec?.augmentation) };
}

export function viewsOf(wire: Views | undefined, augmentation: Augmentation, count: number): BatchViews {
  const { index = [], code = [] } = wire ?? {};
  if (index.length !== code.length || index.length === 0 || index.length > MAX_BATCH) {
    throw new RequestError(
      `views: ${index.length} indices and ${code.length} codes, expected as many of both, 1 to ${MAX_BATCH}`,
    );
  }
  const choices = viewsPerImage(augmentation);
  for (const [i, image] of index.entries()) {
    if (image >= count) throw new RequestError(`views.index[${i}] ${image}: the data set has ${count} images`);
    if ((code[i] as number) >= choices)
      throw new RequestError(`views.code[${i}] ${code[i]}: there are ${choices} views`);
  }
  return { index: Uint32Array.from(index), code: Uint32Array.from(code) };
}
