import type {
  DataLoaderServiceImplementation,
  StreamBatchesRequest,
  StreamBatchesResponse,
} from '@mcld/contracts/mcld/v1/data_loader.js';
import { BatchSequence, type Cursor } from '@mcld/datasets/batch-sequence.js';
import { chunks } from '@mcld/platform/grpc/chunks.js';
import { BatchWindow, cutViews } from './batch-window.js';
import type { DatasetShelf, OpenDataset } from './dataset-shelf.js';
import { augmentationOf, sequenceSpecOf, viewsOf } from './requests.js';

/** Batches kept for readers that follow one another closely; 32 CIFAR batches of 64 are 6 MB. */
const WINDOW = 32;

const start: Cursor = { epoch: 0, step: 0 };

/** The data loader's gRPC handlers. */
export function dataLoaderService(shelf: DatasetShelf): DataLoaderServiceImplementation {
  const window = new BatchWindow(WINDOW);

  return {
    async describeDataset({ dataset }) {
      const { kind, data } = await shelf.get(dataset);
      return {
        fingerprint: data.fingerprint,
        count: data.count,
        classes: data.classNames.length,
        classNames: [...data.classNames],
        height: data.height,
        width: data.width,
        channels: 3,
        mean: [...kind.normalisation.mean],
        std: [...kind.normalisation.std],
        standIn: data.standIn,
      };
    },

    async *streamPlans({ spec, from, epochs }) {
      const { data } = await shelf.get(spec?.dataset);
      const sequence = new BatchSequence(sequenceSpecOf(spec, data.count));
      for (const cursor of sequence.cursors(from ?? start, epochs)) {
        const { index, code } = sequence.views(cursor);
        yield { cursor, views: { index: [...index], code: [...code] } };
      }
    },

    streamBatches: (request) => streamBatches(request, shelf, window),

    async *streamViews({ dataset, augmentation: wire, views: wanted }) {
      const { data } = await shelf.get(dataset);
      const augmentation = augmentationOf(wire);
      const pixels = await cutViews(data, augmentation, viewsOf(wanted, augmentation, data.count));
      for (const { bytes, totalBytes, offset } of chunks(pixels)) {
        yield { part: { pixels: bytes, totalBytes, offset } };
      }
    },
  };
}

async function* streamBatches(
  { spec, from, epochs }: StreamBatchesRequest,
  shelf: DatasetShelf,
  window: BatchWindow,
): AsyncGenerator<Partial<StreamBatchesResponse>> {
  const opened: OpenDataset = await shelf.get(spec?.dataset);
  const { data } = opened;
  const sequence = new BatchSequence(sequenceSpecOf(spec, data.count));
  const address = JSON.stringify([data.fingerprint, data.height, sequence.spec]);
  for (const cursor of sequence.cursors(from ?? start, epochs)) {
    const views = sequence.views(cursor);
    const key = `${address} ${cursor.epoch} ${cursor.step}`;
    const pixels = await window.get(key, () => cutViews(data, sequence.spec.augmentation, views));
    for (const { bytes, totalBytes, offset } of chunks(pixels)) {
      const part = { pixels: bytes, totalBytes, offset };
      if (offset > 0) yield { cursor, part };
      else {
        const labels = Array.from(views.index, (i) => data.labels[i] as number);
        yield { cursor, part, labels, views: { index: [...views.index], code: [...views.code] } };
      }
    }
  }
}
