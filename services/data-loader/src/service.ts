import {
  DataLoaderServiceDefinition,
  type StreamBatchesRequest,
  StreamBatchesResponse,
  StreamViewsResponse,
} from '@mcld/contracts/mcld/v1/data_loader.js';
import type { Dataset } from '@mcld/datasets/readers/dataset.js';
import { sha256 } from '@mcld/datasets/readers/files.js';
import { DAMAGED } from '@mcld/datasets/readers/passed-over.js';
import { BatchSequence, type BatchViews, type Cursor } from '@mcld/datasets/views/batch-sequence.js';
import { drawMixture, mixBatch } from '@mcld/datasets/views/mixing.js';
import { START } from '@mcld/feeds/cursors.js';
import { DRAWN_AHEAD } from '@mcld/feeds/limits.js';
import { piecesOf } from '@mcld/feeds/pieces.js';
import { prefetch } from '@mcld/feeds/prefetch.js';
import { largeBytes } from '@mcld/platform/grpc/large-bytes.js';
import type { GrpcHandlers } from '@mcld/platform/service-main.js';
import type { DatasetCache } from './dataset-cache.js';
import { augmentationOf, epochsOf, mixOf, sequenceSpecOf, viewsOf } from './requests.js';
import { addressOf, type ViewRenderer } from './view-renderer.js';

interface DrawnBatch {
  readonly cursor: Cursor;
  readonly views: BatchViews;
  readonly labels: number[];
  /** uint8 [rows, height, width, 3]. */
  readonly pixels: Uint8Array;
  /** Of a row's own label; 0 where nothing is mixed. */
  readonly ownShare: number;
}

/** What a request for pixels waits for. */
const IMAGES = { service: 'disk', what: 'images' };

const { methods } = DataLoaderServiceDefinition;

/** The service with its pixels written without needless copies. */
export const dataLoaderDefinition = {
  ...DataLoaderServiceDefinition,
  methods: {
    ...methods,
    streamBatches: { ...methods.streamBatches, responseType: largeBytes(StreamBatchesResponse, 'pixels', 5) },
    streamViews: { ...methods.streamViews, responseType: largeBytes(StreamViewsResponse, 'pixels', 2) },
  },
};

/** The data loader's gRPC handlers. */
export function dataLoaderService(
  datasets: DatasetCache,
  renderer: ViewRenderer,
): GrpcHandlers<typeof dataLoaderDefinition> {
  return {
    async describeDataset({ dataset, augmentation, seed }) {
      const opened = await datasets.get(dataset, { look: true });
      const { facts, data, size } = opened;
      const damaged = data.passedOver.find((one) => one.kind === DAMAGED);
      return {
        fingerprint: data.fingerprint,
        count: data.count,
        classes: data.classNames.length,
        classNames: [...data.classNames],
        height: size.height,
        width: size.width,
        channels: 3,
        mean: [...facts.normalisation.mean],
        std: [...facts.normalisation.std],
        standIn: data.standIn,
        skipped: damaged?.count ?? 0,
        skippedNames: [...(damaged?.names ?? [])],
        viewsDigest: sha256(addressOf(opened, augmentationOf(augmentation), seed)),
        passedOver: data.passedOver.map(({ names, ...rest }) => ({ ...rest, names: [...names] })),
      };
    },

    async *streamPlans({ spec, from, epochs }) {
      const { data, size } = await datasets.get(spec?.dataset);
      const sequence = new BatchSequence(sequenceSpecOf(spec, data.count, size));
      for (const cursor of sequence.cursors(from ?? START, epochsOf(epochs))) {
        const { index, code } = sequence.views(cursor);
        yield { cursor, views: { index: [...index], code: [...code] } };
      }
    },

    streamBatches: (request) => streamBatches(request, datasets, renderer),

    async *streamViews({ dataset, augmentation: wire, views: selection, seed }) {
      const opened = await datasets.get(dataset);
      const augmentation = augmentationOf(wire);
      const views = viewsOf(selection, augmentation, opened.data.count, opened.size);
      const render = () => renderer.render(opened, augmentation, seed, views);
      const pixels = await datasets.waits.during(IMAGES, render);
      for (const { bytes, totalBytes, offset } of piecesOf(pixels)) {
        yield { part: { totalBytes, offset }, pixels: bytes };
      }
    },
  };
}

async function* streamBatches(
  request: StreamBatchesRequest,
  datasets: DatasetCache,
  renderer: ViewRenderer,
): AsyncGenerator<StreamBatchesResponse> {
  for await (const { cursor, views, labels, pixels, ownShare } of prefetch(
    drawBatches(request, datasets, renderer),
    DRAWN_AHEAD,
  )) {
    for (const { bytes, totalBytes, offset } of piecesOf(pixels)) {
      const part = { totalBytes, offset };
      if (offset > 0) yield { cursor, part, views: undefined, labels: [], pixels: bytes, ownShare };
      else {
        const pairs = { index: [...views.index], code: [...views.code] };
        yield { cursor, part, views: pairs, labels, pixels: bytes, ownShare };
      }
    }
  }
}

async function* drawBatches(
  { spec, from, epochs }: StreamBatchesRequest,
  datasets: DatasetCache,
  renderer: ViewRenderer,
): AsyncGenerator<DrawnBatch> {
  const opened = await datasets.get(spec?.dataset);
  const { data, size } = opened;
  const sequence = new BatchSequence(sequenceSpecOf(spec, data.count, size));
  const { augmentation, seed } = sequence.spec;
  const mix = mixOf(spec?.mix);
  for (const cursor of sequence.cursors(from ?? START, epochsOf(epochs))) {
    const views = sequence.views(cursor);
    const render = () => renderer.render(opened, augmentation, seed, views);
    const pixels = await datasets.waits.during(IMAGES, render);
    const labels = labelsOf(data, views);
    const mixture = mix && drawMixture(mix, size, seed, cursor);
    if (mixture) mixBatch(pixels, size, mixture);
    yield { cursor, views, labels, pixels, ownShare: mixture?.share ?? 0 };
  }
}

/** Empty for a split without labels. */
function labelsOf({ labels, count }: Dataset, { index }: BatchViews): number[] {
  if (labels.length === 0) return [];
  return Array.from(index, (image) => {
    const label = labels[image];
    if (label === undefined) throw new RangeError(`image ${image} of ${count}`);
    return label;
  });
}
