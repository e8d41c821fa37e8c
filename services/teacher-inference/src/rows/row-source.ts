import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec, Cursor } from '@mcld/contracts/mcld/v1/views.js';
import type { StepsRequest } from '@mcld/feeds/batches.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import { START, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import { openPlans, type StepPlan } from '@mcld/feeds/plans.js';
import { fetchPixels, type ViewAddress } from '@mcld/feeds/views.js';
import { callWatched, watched } from '@mcld/feeds/watched.js';
import type { LogitStore } from '@mcld/logit-store/logit-store.js';
import { divergence } from '@mcld/logit-store/row-codec.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import type { Logger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { meter } from '@mcld/platform/telemetry.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { assertNumbers } from '../computers/answers.js';
import type { Computer } from '../computers/computer.js';
import { type Coming, ComputeQueue, type RowProducer } from './compute-queue.js';
import { ownerOf, peerRows } from './peers.js';

const computedCounter = meter.createCounter('mcld.teacher.views.computed');
const storedCounter = meter.createCounter('mcld.teacher.views.stored');

/** How far stored rows are from computed ones, over a probe of views, in nats. */
export interface Divergence {
  readonly views: number;
  readonly mean: number;
  readonly max: number;
}

/** What rows are computed with. */
export interface RowSourceParts {
  readonly loader: LoaderClient;
  readonly logger: Logger;
  /** Reports what does not come. */
  readonly waits: WaitWatch;
  /** Rows of the compute batch. */
  readonly batch: number;
  /** All replicas of the teacher in their order, undefined for this one; empty: it is alone. */
  readonly peers: readonly (TeacherClient | undefined)[];
}

/** Which steps are requested, by default from the first on. */
interface WantedSteps {
  readonly spec?: BatchSpec | undefined;
  readonly from?: Cursor | undefined;
  readonly epochs: number;
}

/** The teacher whose rows they are. */
export interface RowsTeacher {
  readonly digest: TeacherDigest;
  readonly computer: Computer;
  readonly counters: LogitCounters;
}

/** The rows of one of a teacher's outputs for the views of one data set and augmentation, stored or computed. */
export class RowSource implements RowProducer {
  /** What is computed here. */
  readonly queue = new ComputeQueue(this);
  /** What other replicas compute; undefined for this one's part. */
  readonly #peers: readonly (ComputeQueue | undefined)[];

  constructor(
    readonly teacher: RowsTeacher,
    readonly output: string,
    readonly parts: RowSourceParts,
    readonly spec: BatchSpec,
    readonly described: DescribeDatasetResponse,
    readonly store: LogitStore,
  ) {
    const request = { teacherDigest: teacher.digest, output, spec, precision: store.codec.precision };
    this.#peers = parts.peers.map((peer) => peer && new ComputeQueue(peerRows(peer, request, this.queue, parts)));
  }

  /** Asks for a view, of the replica whose part it is: no two compute the same. */
  request(view: ViewAddress): Coming {
    return this.#queueOf(view).request(view);
  }

  /** Says that somebody waits for a view. */
  hurry(view: ViewAddress): void {
    this.#queueOf(view).hurry(view);
  }

  #queueOf({ index }: ViewAddress): ComputeQueue {
    return this.#peers[ownerOf(index, this.#peers.length)] ?? this.queue;
  }

  get batch(): number {
    return this.parts.batch;
  }

  /** Values of a row. */
  get width(): number {
    return this.store.codec.width;
  }

  /** Pixels of views, uint8 [n, height, width, 3]. */
  async fetch(views: readonly ViewAddress[]): Promise<Uint8Array<ArrayBuffer>> {
    const { spec, teacher } = this;
    const { loader, logger, waits } = this.parts;
    const { dataset, seed } = spec;
    // Streams with other bounds share this source.
    const augmentation = spec.augmentation && { ...spec.augmentation, viewsPerImage: 0, viewsPerStep: 0 };
    return callWatched(
      { service: 'data loader', what: 'views' },
      ({ onRetry }) => fetchPixels(loader, { dataset, augmentation, seed }, views, onRetry ? { onRetry } : {}),
      { waits, logger, about: { teacher: teacher.digest } },
    );
  }

  /** A sequence of steps, as feeds ask for it: of this source's own specification where none is given. */
  steps({ spec = this.spec, from = START, epochs }: WantedSteps): StepsRequest {
    return { spec, from, epochs, stepsPerEpoch: stepsPerEpochOf(this.described.count, spec.batchSize) };
  }

  /** The plan of each step. */
  plans(request: StepsRequest, signal?: AbortSignal): AsyncGenerator<StepPlan> {
    const { loader, logger, waits } = this.parts;
    const onRetry = logRetries(logger, { teacher: this.teacher.digest });
    return watched(openPlans(loader, request, { ...(signal && { signal }), onRetry }), waits);
  }

  async prepare(views: readonly ViewAddress[]): Promise<() => Promise<Rows>> {
    const pixels = await this.fetch(views);
    return () => this.#compute(views, pixels);
  }

  /**
   * Computes and stores.
   * @returns rows as the store gives them
   * @throws ForeignModelError for rows that are not numbers
   */
  async #compute(views: readonly ViewAddress[], pixels: Uint8Array<ArrayBuffer>): Promise<Rows> {
    const rows = await this.forward(pixels, (row) => `image ${views[row]?.index}`);
    const index = Uint32Array.from(views, (view) => view.index);
    const code = Uint32Array.from(views, (view) => view.code);
    this.store.put(index, code, rows);
    return rows;
  }

  /**
   * The rows of one compute batch at most, counted.
   * @param pixels uint8 [n, height, width, 3], gone afterwards
   * @param nameOf what a row is, for messages
   */
  async forward(pixels: Uint8Array<ArrayBuffer>, nameOf: (row: number) => string): Promise<Rows> {
    const { counters } = this.teacher;
    const rows = await this.answers(pixels, nameOf);
    counters.computedViews += rows.count;
    counters.computeBatches += 1;
    counters.paddedRows += this.batch - rows.count;
    computedCounter.add(rows.count);
    return rows;
  }

  /** Rows as a model gives them, neither counted nor stored: of the teacher, or of one of an ensemble. */
  async answers(
    pixels: Uint8Array<ArrayBuffer>,
    nameOf: (row: number) => string,
    computer = this.teacher.computer,
  ): Promise<Rows> {
    const { height, width, mean, std } = this.described;
    const images = { pixels, height, width, statistics: { mean, std } };
    const name = { service: `model ${computer.model}`, what: this.output };
    const rows = await this.parts.waits.during(name, () => computer.compute(images, this.output));
    assertNumbers(rows, computer, nameOf);
    return rows;
  }

  countStored(views: number): void {
    this.teacher.counters.storedViews += views;
    storedCounter.add(views);
  }

  /** Computes some views anew and compares what is stored with them. */
  async probe(views: readonly ViewAddress[]): Promise<Divergence> {
    const pairs = await this.besideStored(views);
    if (pairs.length === 0) return { views: 0, mean: 0, max: 0 };
    const nats = pairs.map(([fresh, stored]) => divergence(fresh, stored));
    return { views: nats.length, mean: nats.reduce((a, b) => a + b) / nats.length, max: Math.max(...nats) };
  }

  /** Rows as the teacher gives them now, each beside the stored one: of a compute batch of views that are stored. */
  async besideStored(views: readonly ViewAddress[]): Promise<(readonly [Float32Array, Float32Array])[]> {
    const { store, width } = this;
    const known = views.filter(({ index, code }) => store.has(index, code)).slice(0, this.batch);
    if (known.length === 0) return [];
    const fresh = await this.answers(await this.fetch(known), (row) => `image ${known[row]?.index}`);
    return known.flatMap(({ index, code }, i) => {
      const stored = Rows.zeros(1, width);
      const [isThere] = store.read(Uint32Array.of(index), Uint32Array.of(code), stored);
      return isThere ? [[fresh.row(i), stored.row(0)] as const] : [];
    });
  }
}
