import { createHash } from 'node:crypto';
import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { type RowCodec, rowCodec } from '@mcld/logit-store/row-codec.js';
import type { SegmentShelf } from '@mcld/logit-store/segment-shelf.js';
import { getDocument } from '@mcld/platform/documents.js';
import { NotFoundError, RequestError } from '@mcld/platform/grpc/errors.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { ensembleTeacherKey, onnxTeacherKey, teacherKey } from '@mcld/platform/layout.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { ensembleTeacherSchema } from '@mcld/platform/storage/teachers.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { LogitComputer } from './computer.js';
import { endpointComputer } from './endpoint-computer.js';
import { storedEndpoint } from './endpoint-model.js';
import { ensembleComputer } from './ensemble-computer.js';
import { LogitSource } from './logit-source.js';
import { onnxComputer } from './onnx-computer.js';
import { weightsComputer } from './weights-computer.js';
import type { handlers } from './worker.js';

export interface TeacherParts {
  readonly thread: ComputeThread<typeof handlers>;
  /** Endpoints of the Open Inference Protocol that may teach; see MCLD_TEACHER_ENDPOINTS. */
  readonly endpoints: string;
  readonly loader: LoaderClient;
  readonly objects: ObjectStore;
  readonly logger: Logger;
  /** Rows of the compute batch. */
  readonly batch: number;
  /** All replicas of the teacher in their order, undefined for this one; empty: it is alone. */
  readonly peers: readonly (TeacherClient | undefined)[];
  /** Where rows are stored. */
  readonly segments: SegmentShelf;
}

async function computerOf(digest: TeacherDigest, parts: TeacherParts): Promise<LogitComputer> {
  const { objects, thread, batch, endpoints } = parts;
  const weights = await objects.get(teacherKey(digest));
  if (weights) return weightsComputer(thread, digest, weights);
  const onnx = await objects.get(onnxTeacherKey(digest));
  if (onnx) return onnxComputer(onnx, batch);
  const endpoint = await storedEndpoint(objects, digest);
  if (endpoint) return endpointComputer(endpoint, endpoints, batch);
  const ensemble = await getDocument(objects, ensembleTeacherKey(digest), ensembleTeacherSchema);
  if (!ensemble) throw new NotFoundError(`no teacher ${digest} in the object store`);
  return ensembleComputer(ensemble, (member) => computerOf(member, parts));
}

/** One teacher, with its sources of logits by data set. */
export class Teacher {
  readonly counters: LogitCounters = { computedViews: 0, storedViews: 0, computeBatches: 0, paddedRows: 0 };
  /** One for each store, so that a view wanted by several streams is computed once. */
  readonly #sources = new Map<string, Promise<LogitSource>>();

  private constructor(
    readonly digest: TeacherDigest,
    readonly computer: LogitComputer,
    readonly parts: TeacherParts,
  ) {}

  /** @throws NotFoundError when it is not in the object store, ForeignModelError when it cannot teach */
  static async load(digest: TeacherDigest, parts: TeacherParts): Promise<Teacher> {
    return new Teacher(digest, await computerOf(digest, parts), parts);
  }

  get classes(): number {
    return this.computer.classes;
  }

  /**
   * What the views of a batch specification need.
   * @param precision of stored rows; '' is fp32 @throws RequestError, PrecisionError
   */
  async source(spec: BatchSpec, precision: string): Promise<LogitSource> {
    const { dataset, augmentation, seed } = spec;
    if (!dataset) throw new RequestError('spec.dataset is missing');
    const described = await retrying(() => this.parts.loader.describeDataset({ dataset, augmentation, seed }));
    if (described.classes !== this.classes) {
      throw new RequestError(`the teacher tells ${this.classes} classes apart, the data set has ${described.classes}`);
    }
    const codec = rowCodec(precision, this.classes);
    const data = createHash('sha256').update(`${described.viewsDigest} ${codec.precision}`).digest('hex');
    const source = this.#sources.get(data) ?? this.#open(spec, described, data, codec);
    this.#sources.set(data, source);
    source.catch(() => this.#sources.delete(data));
    return source;
  }

  async #open(
    spec: BatchSpec,
    described: DescribeDatasetResponse,
    data: string,
    codec: RowCodec,
  ): Promise<LogitSource> {
    const { segments, logger } = this.parts;
    const address = { teacher: this.digest, data, images: described.count };
    const identity = () => this.computer.identity;
    const store = await LogitStore.open(segments, address, { codec, identity, logger });
    return new LogitSource(this, spec, described, store, codec.precision);
  }

  async close(): Promise<void> {
    for (const source of this.#sources.values()) {
      await source.then(
        ({ store }) => store.close(),
        () => {},
      );
    }
    await this.computer.unload();
  }
}
