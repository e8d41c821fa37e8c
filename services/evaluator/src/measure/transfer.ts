import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { factsOf } from '@mcld/datasets/facts.js';
import { type ModelName, models } from '@mcld/models/zoo/registry.js';
import type { TransferResult } from '@mcld/platform/runs/transfer.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { transferSplit } from '@mcld/recipe/splits.js';
import { describeSplit, type InferenceParts, inferSplit } from './inference.js';
import type { ProbeData } from './linear-probe.js';

/** Of a probe, where model and data set have none of their own. */
const RATE = 0.05;
const BATCH = 64;

/** Linear probing of the loaded, frozen student on another data set; see docs/method.md. */
export async function probeTransfer(
  parts: InferenceParts,
  dataset: Recipe['dataset'],
  { model, seed }: { readonly model: ModelName; readonly seed: number },
): Promise<TransferResult> {
  const train = await extract(parts, DatasetRef.fromPartial(transferSplit(dataset, 'train')));
  const test = await extract(parts, DatasetRef.fromPartial(transferSplit(dataset, 'test')));
  const { classes, standIn } = train.described;
  const settings = {
    classes,
    batchSize: factsOf(dataset.name).probeBatch ?? BATCH,
    epochs: 120,
    lr: models[model].probeRate ?? RATE,
    seed,
  };
  const request = { train: train.data, test: test.data, settings };
  const result = await parts.waits.during({ service: 'compute thread', what: `a probe on ${dataset.name}` }, () =>
    parts.thread.call('probe', request),
  );
  const [trainImages, testImages] = [train.data.labels.length, test.data.labels.length];
  const passedOver = { train: train.described.passedOver, test: test.described.passedOver };
  return { dataset: dataset.name, standIn, mode: 'cached', classes, trainImages, testImages, passedOver, ...result };
}

async function extract(
  parts: InferenceParts,
  dataset: DatasetRef,
): Promise<{ data: ProbeData; described: DescribeDatasetResponse }> {
  const described = await describeSplit(parts, dataset);
  const features: Float32Array[] = [];
  const labels: number[] = [];
  for await (const batch of inferSplit(parts, dataset, described)) {
    features.push(batch.features);
    labels.push(...batch.labels);
  }
  const joined = new Float32Array(features.reduce((n, f) => n + f.length, 0));
  let at = 0;
  for (const piece of features) {
    joined.set(piece, at);
    at += piece.length;
  }
  return { data: { features: joined, labels: Int32Array.from(labels) }, described };
}
