import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { BatchSpec, type DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { openBatches } from '@mcld/feeds/batches.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import { START, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import { openStepRows } from '@mcld/feeds/step-rows.js';
import { watched } from '@mcld/feeds/watched.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from '../worker.js';

export interface InferenceParts {
  readonly thread: ComputeThread<typeof handlers>;
  readonly loader: LoaderClient;
  readonly teacher: TeacherClient;
  readonly logger: Logger;
  /** Told of what does not come. */
  readonly waits: WaitWatch;
}

const BATCH = 128;

/** Every image of a split once, in order, unaugmented. */
export const plainSpec = (dataset: DatasetRef): BatchSpec =>
  BatchSpec.fromPartial({ dataset, batchSize: BATCH, augmentation: {}, shuffle: false });

export interface InferredBatch {
  /** float32 [B, F] and [B, classes]. */
  readonly features: Float32Array;
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array;
}

/** Each step of a split, once. */
const wholeSplit = (dataset: DatasetRef, { count }: Pick<DescribeDatasetResponse, 'count'>) => ({
  spec: plainSpec(dataset),
  from: START,
  epochs: 1,
  stepsPerEpoch: stepsPerEpochOf(count, BATCH),
});

/** What the data loader says of a split. */
export const describeSplit = (
  { loader, waits }: InferenceParts,
  dataset: DatasetRef,
): Promise<DescribeDatasetResponse> =>
  waits.during({ service: 'data loader', what: `the ${dataset.split} split` }, () =>
    loader.describeDataset({ dataset }),
  );

/** The loaded student over a whole split. */
export async function* inferSplit(
  { thread, loader, logger, waits }: InferenceParts,
  dataset: DatasetRef,
  described: DescribeDatasetResponse,
): AsyncGenerator<InferredBatch> {
  const { height, width, mean, std } = described;
  const batches = openBatches(loader, wholeSplit(dataset, described), { onRetry: logRetries(logger) });
  for await (const { pixels, labels } of watched(batches, waits)) {
    const request = { pixels, height, width, statistics: { mean, std } };
    const output = await waits.during({ service: 'compute thread', what: 'a batch' }, () =>
      thread.call('forward', request),
    );
    yield { ...output, labels, pixels };
  }
}

/** The teacher's logits for a whole split, row by row. */
export async function* teacherRows(
  { teacher, logger, waits }: InferenceParts,
  teacherDigest: string,
  dataset: DatasetRef,
  described: DescribeDatasetResponse,
): AsyncGenerator<Float32Array, undefined> {
  const request = { ...wholeSplit(dataset, described), teacherDigest, output: 'logits', precision: '' };
  const steps = openStepRows(teacher, request, { onRetry: logRetries(logger) });
  for await (const { rows } of watched(steps, waits)) yield* rows;
  return undefined;
}
