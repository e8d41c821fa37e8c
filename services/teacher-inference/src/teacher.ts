import { createHash } from 'node:crypto';
import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { type RowCodec, rowCodec } from '@mcld/logit-store/row-codec.js';
import type { SegmentFolder } from '@mcld/logit-store/segment-folder.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import type { Computer } from './computers/computer.js';
import { type ComputerParts, openComputer } from './computers/open-computer.js';
import { RowSource, type RowSourceParts } from './rows/row-source.js';

export interface TeacherParts extends ComputerParts, RowSourceParts {
  /** Where rows are stored. */
  readonly segments: SegmentFolder;
}

/** One teacher, with its sources of logits by data set. */
export class Teacher {
  readonly counters: LogitCounters = { computedViews: 0, storedViews: 0, computeBatches: 0, paddedRows: 0 };
  /** One for each store, so that a view wanted by several streams is computed once. */
  readonly #sources = new Map<string, Promise<RowSource>>();

  private constructor(
    readonly digest: TeacherDigest,
    readonly computer: Computer,
    readonly parts: TeacherParts,
  ) {}

  /** @throws NotFoundError when it is not in the object store, ForeignModelError when it cannot teach */
  static async load(digest: TeacherDigest, parts: TeacherParts): Promise<Teacher> {
    return new Teacher(digest, await openComputer(digest, parts), parts);
  }

  get classes(): number {
    return this.computer.classes;
  }

  /**
   * What the views of a batch specification need.
   * @param precision of stored rows; '' is fp32 @throws RequestError, PrecisionError
   */
  async source(spec: BatchSpec, precision: string): Promise<RowSource> {
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

  async #open(spec: BatchSpec, described: DescribeDatasetResponse, data: string, codec: RowCodec): Promise<RowSource> {
    const { segments, logger } = this.parts;
    const address = { teacher: this.digest, data, images: described.count };
    const identity = () => this.computer.identity;
    const store = await LogitStore.open(segments, address, { codec, identity, logger });
    return new RowSource(this, this.parts, spec, described, store);
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
