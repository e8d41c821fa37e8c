import { createHash } from 'node:crypto';
import type { DataLoaderServiceDefinition, DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec, DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { Assembly } from '@mcld/platform/grpc/chunks.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { NotFoundError, RequestError } from '@mcld/platform/grpc/errors.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { endpointTeacherKey, onnxTeacherKey, teacherKey } from '@mcld/platform/layout.js';
import type { Logger } from '@mcld/platform/logging.js';
import { Mutex } from '@mcld/platform/mutex.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { meter } from '@mcld/platform/telemetry.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { LogitComputer } from './computer.js';
import { endpointComputer, endpointSchema } from './endpoint-computer.js';
import { LogitStore } from './logit-store.js';
import { onnxComputer } from './onnx-computer.js';
import { weightsComputer } from './weights-computer.js';
import type { handlers } from './worker.js';

export interface TeacherParts {
  readonly thread: ComputeThread<typeof handlers>;
  /** Endpoints of the Open Inference Protocol that may teach; see MCLD_TEACHER_ENDPOINTS. */
  readonly endpoints: string;
  readonly loader: OpenClient<typeof DataLoaderServiceDefinition>['client'];
  readonly objects: ObjectStore;
  readonly logger: Logger;
  /** Rows of the compute batch. */
  readonly batch: number;
  readonly storeMegabytes: number;
}

const MAX_PIXELS = 1 << 30;

const computedCounter = meter.createCounter('mcld.teacher.views.computed');
const storedCounter = meter.createCounter('mcld.teacher.views.stored');

async function computerOf(digest: TeacherDigest, parts: TeacherParts): Promise<LogitComputer> {
  const { objects, thread, batch, endpoints } = parts;
  const weights = await objects.get(teacherKey(digest));
  if (weights) return weightsComputer(thread, digest, weights);
  const onnx = await objects.get(onnxTeacherKey(digest));
  if (onnx) return onnxComputer(onnx, batch);
  const endpoint = await objects.get(endpointTeacherKey(digest));
  if (!endpoint) throw new NotFoundError(`no teacher ${digest} in the object store`);
  return endpointComputer(endpointSchema.parse(JSON.parse(Buffer.from(endpoint).toString())), endpoints, batch);
}

/** A view that is asked for. */
export interface ViewAddress {
  readonly index: number;
  readonly code: number;
}

/** One teacher in the compute thread, with its stores by data set. */
export class Teacher {
  readonly counters: LogitCounters = { computedViews: 0, storedViews: 0, computeBatches: 0, paddedRows: 0 };
  readonly #stores = new Map<string, Promise<LogitStore>>();

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

  /** What the views of one batch specification need. */
  async source(spec: BatchSpec): Promise<LogitSource> {
    const dataset = spec.dataset as DatasetRef;
    const described = await this.parts.loader.describeDataset({ dataset });
    if (described.classes !== this.classes) {
      throw new RequestError(`the teacher tells ${this.classes} classes apart, the data set has ${described.classes}`);
    }
    const { cropPadding = 0, horizontalFlip = false } = spec.augmentation ?? {};
    const address = JSON.stringify([described.fingerprint, described.height, cropPadding, horizontalFlip]);
    const data = createHash('sha256').update(address).digest('hex');
    const store = this.#stores.get(data) ?? this.#openStore(data);
    this.#stores.set(data, store);
    return new LogitSource(this, spec, described, await store);
  }

  #openStore(data: string): Promise<LogitStore> {
    const { objects, storeMegabytes, logger } = this.parts;
    return LogitStore.open(
      objects,
      { teacher: this.digest, data, classes: this.classes },
      { identity: this.computer.identity, megabytes: storeMegabytes, logger },
    );
  }

  async save(): Promise<void> {
    for (const store of this.#stores.values()) await (await store).save(true);
  }
}

/** A teacher's logits for the views of one data set and augmentation, stored or computed. */
export class LogitSource {
  // One computation at a time, so that a view wanted by two streams is computed for the first only.
  static readonly #mutexes = new WeakMap<LogitStore, Mutex>();

  constructor(
    readonly teacher: Teacher,
    readonly spec: BatchSpec,
    readonly described: DescribeDatasetResponse,
    readonly store: LogitStore,
  ) {}

  /**
   * Computes what is missing among `views`, at most one compute batch.
   * @returns rows that the full store did not take, by `index code`
   */
  compute(views: readonly ViewAddress[]): Promise<Map<string, Float32Array>> {
    const mutex = LogitSource.#mutexes.get(this.store) ?? new Mutex();
    LogitSource.#mutexes.set(this.store, mutex);
    return mutex.run(async () => {
      const missing = views.filter(({ index, code }) => !this.store.has(index, code));
      const homeless = new Map<string, Float32Array>();
      if (missing.length === 0) return homeless;
      const logits = await this.#forward(missing);
      const { classes, counters, parts } = this.teacher;
      for (const [i, { index, code }] of missing.entries()) {
        const row = logits.subarray(i * classes, (i + 1) * classes);
        if (!this.store.put(index, code, row)) homeless.set(`${index} ${code}`, row);
      }
      counters.computedViews += missing.length;
      counters.computeBatches += 1;
      counters.paddedRows += parts.batch - missing.length;
      computedCounter.add(missing.length);
      await this.store.save();
      return homeless;
    });
  }

  async #forward(views: readonly ViewAddress[]): Promise<Float32Array> {
    const { teacher, spec, described } = this;
    const assembly = new Assembly(MAX_PIXELS);
    let pixels: Uint8Array<ArrayBuffer> | undefined;
    const wanted = { index: views.map(({ index }) => index), code: views.map(({ code }) => code) };
    const request = { dataset: spec.dataset, augmentation: spec.augmentation, views: wanted };
    for await (const { part } of teacher.parts.loader.streamViews(request)) {
      if (part) pixels = assembly.add({ bytes: part.pixels, totalBytes: part.totalBytes, offset: part.offset });
    }
    if (!pixels) throw new Error('the data loader sent no pixels');
    const { height, width, mean, std } = described;
    return teacher.computer.logits({ pixels, height, width, statistics: { mean, std } });
  }

  countStored(views: number): void {
    this.teacher.counters.storedViews += views;
    storedCounter.add(views);
  }
}
