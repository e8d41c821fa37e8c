import { createHash } from 'node:crypto';
import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { callWatched } from '@mcld/feeds/watched.js';
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { type RowCodec, rowCodec } from '@mcld/logit-store/row-codec.js';
import type { SegmentFolder } from '@mcld/logit-store/segment-folder.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { type Computer, LOGITS, widthOf } from './computers/computer.js';
import { type ComputerParts, openComputer } from './computers/open-computer.js';
import { RowSource, type RowSourceParts } from './rows/row-source.js';

export interface TeacherParts extends ComputerParts, RowSourceParts {
  /** Where rows are stored. */
  readonly segments: SegmentFolder;
}

/** Which rows are requested, as in every request. */
export interface RowsRequest {
  readonly spec: BatchSpec | undefined;
  /** '' is logits. */
  readonly output: string;
  /** Of stored rows; '' is fp32. */
  readonly precision: string;
}

/** Rows of logits keep the key that they had before other outputs could be stored. */
function storeKey(viewsDigest: string, precision: string, output: string): string {
  const parts = [viewsDigest, precision, ...(output === LOGITS ? [] : [output])];
  return createHash('sha256').update(parts.join(' ')).digest('hex');
}

/** One teacher, with its sources of rows by output, data set and precision. */
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
    const start = performance.now();
    const computer = await openComputer(digest, parts);
    const { model, widths, parameters } = computer;
    const ms = Math.round(performance.now() - start);
    parts.logger.debug({ teacher: digest, model, widths, parameters, ms }, 'teacher loaded');
    return new Teacher(digest, computer, parts);
  }

  /**
   * The rows of one of its outputs for the views of a batch specification.
   * @throws RequestError, PrecisionError
   */
  async source({ spec, output, precision }: RowsRequest): Promise<RowSource> {
    if (!spec?.dataset) throw new RequestError(spec ? 'spec.dataset is missing' : 'spec is missing');
    const { dataset, augmentation, seed } = spec;
    const { loader, logger, waits } = this.parts;
    const described = await callWatched(
      { service: 'data loader', what: 'the data set' },
      (options) => retrying(() => loader.describeDataset({ dataset, augmentation, seed }), options),
      { waits, logger, about: { teacher: this.digest } },
    );
    const classes = this.computer.widths[LOGITS];
    if (described.classes !== classes) {
      throw new RequestError(`the teacher has ${classes} classes, the data set ${described.classes}`);
    }
    const name = output || LOGITS;
    const codec = rowCodec(precision, widthOf(this.computer, name));
    const data = storeKey(described.viewsDigest, codec.precision, name);
    const source = this.#sources.get(data) ?? this.#open(name, spec, described, data, codec);
    this.#sources.set(data, source);
    source.catch(() => this.#sources.delete(data));
    return source;
  }

  async #open(
    output: string,
    spec: BatchSpec,
    described: DescribeDatasetResponse,
    data: string,
    codec: RowCodec,
  ): Promise<RowSource> {
    const { segments, logger } = this.parts;
    const address = { teacher: this.digest, data, images: described.count };
    const identity = () => this.computer.identity;
    const store = await LogitStore.open(segments, address, { codec, identity, logger });
    logger.debug({ ...address, output, rows: store.size }, 'stored rows opened');
    return new RowSource(this, output, this.parts, spec, described, store);
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
