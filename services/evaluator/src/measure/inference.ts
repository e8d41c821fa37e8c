import type { DataLoaderServiceDefinition, DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { BatchSpec, type DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { Assembly, float32Of } from '@mcld/platform/grpc/chunks.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from '../worker.js';

export interface InferenceParts {
  readonly thread: ComputeThread<typeof handlers>;
  readonly loader: OpenClient<typeof DataLoaderServiceDefinition>['client'];
  readonly teacher: OpenClient<typeof TeacherInferenceServiceDefinition>['client'];
}

const BATCH = 128;
const MAX_BATCH_BYTES = 1 << 29;

/** Every image of a split once, in order, unaugmented. */
export const plainSpec = (dataset: DatasetRef): BatchSpec =>
  BatchSpec.fromPartial({ dataset, batchSize: BATCH, augmentation: {}, shuffle: false });

export interface InferredBatch {
  /** float32 [B, F] and [B, classes]. */
  readonly features: Float32Array;
  readonly logits: Float32Array;
  readonly labels: readonly number[];
  /** uint8 [B, height, width, 3]. */
  readonly pixels: Uint8Array;
}

/** The loaded student over a whole split. */
export async function* inferSplit(
  { thread, loader }: InferenceParts,
  dataset: DatasetRef,
  described: DescribeDatasetResponse,
): AsyncGenerator<InferredBatch> {
  const { height, width, mean, std } = described;
  const assembly = new Assembly(MAX_BATCH_BYTES);
  let labels: readonly number[] = [];
  const request = { spec: plainSpec(dataset), from: { epoch: 0, step: 0 }, epochs: 1 };
  for await (const { part, labels: found, pixels: bytes } of loader.streamBatches(request)) {
    if (!part) throw new Error('the data loader sent a batch without pixels');
    if (part.offset === 0) labels = found;
    const pixels = assembly.add({ bytes, totalBytes: part.totalBytes, offset: part.offset });
    if (!pixels) continue;
    const output = await thread.call('forward', { pixels, height, width, statistics: { mean, std } });
    yield { ...output, labels, pixels };
  }
}

/** The teacher's logits for a whole split, row by row. */
export async function* teacherRows(
  { teacher }: InferenceParts,
  teacherDigest: string,
  dataset: DatasetRef,
): AsyncGenerator<Float32Array> {
  const assembly = new Assembly(MAX_BATCH_BYTES);
  const request = { teacherDigest, spec: plainSpec(dataset), from: { epoch: 0, step: 0 }, epochs: 1 };
  for await (const { logits, totalBytes, offset, classes } of teacher.streamLogits(request)) {
    const whole = assembly.add({ bytes: logits, totalBytes, offset });
    if (!whole) continue;
    const values = float32Of(whole);
    for (let at = 0; at < values.length; at += classes) yield values.subarray(at, at + classes);
  }
}
