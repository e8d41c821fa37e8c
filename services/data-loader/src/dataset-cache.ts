import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { type DatasetFacts, type DatasetName, datasetNames, factsOf, isDatasetName } from '@mcld/datasets/facts.js';
import { type Dataset, type ImageSize, type Split, splits } from '@mcld/datasets/readers/dataset.js';
import { DatasetError } from '@mcld/datasets/readers/dataset-error.js';
import { decodedCopy } from '@mcld/datasets/readers/decoded-copy.js';
import { sha256 } from '@mcld/datasets/readers/files.js';
import type { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { readers } from '@mcld/datasets/readers/registry.js';
import { type Framing, framedSize, framingOf } from '@mcld/datasets/views/framing.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import type { Logger } from '@mcld/platform/logging.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { LRUCache } from 'lru-cache';
import { placeStamp } from './place-stamp.js';

export interface OpenDataset {
  readonly facts: DatasetFacts;
  readonly data: Dataset;
  readonly framing: Framing;
  /** Of its images once framed. */
  readonly size: ImageSize;
  /** Its images framed and decoded ahead, where copies are kept; called when views of framed images are asked for. */
  decoded(): Promise<Dataset | undefined>;
}

interface Opened {
  readonly data: Dataset;
  /** Of its place when it was opened. */
  readonly stamp: string;
}

interface Place {
  readonly name: DatasetName;
  readonly root: string;
  readonly split: Split;
  readonly skipDamaged: boolean;
}

/** What a decoded copy is made of. */
interface Framed {
  readonly data: Dataset;
  readonly framing: Framing;
  readonly size: ImageSize;
}

/** What else a loader may use. */
export interface DataPlaces {
  /** Where decoded copies are kept; absent: nowhere. */
  readonly copies?: string;
  /** Brings shards of S3 onto this disk, and tells where; absent: there is no S3. */
  fetchShards?(address: string): Promise<string>;
}

/** Data sets kept open at once; the one not used for longest makes room. */
const MOST_OPEN = 8;

/** How long a wait may last before it is reported, unless the settings say otherwise. */
const WAIT_MS = 10_000;

/** Largest side that images are resized to. */
const MAX_SIDE = 2048;

/** Opens data sets on demand and keeps them. */
export class DatasetCache {
  readonly #open = new LRUCache<string, Opened, Place>({
    max: MOST_OPEN,
    // A set that is evicted while it is being opened is still opened for those who asked for it.
    ignoreFetchAbort: true,
    fetchMethod: (_key, _stale, { context }) => this.#read(context),
  });
  readonly #copies = new LRUCache<string, Dataset, Framed>({
    max: MOST_OPEN,
    ignoreFetchAbort: true,
    fetchMethod: (file, _stale, { context }) => this.#copy(file, context),
  });

  /**
   * @param folder what relative roots count from
   * @param anywhere whether roots may lie outside it
   */
  constructor(
    readonly folder: string,
    readonly anywhere: boolean,
    readonly memory: FingerprintMemory,
    readonly logger: Logger,
    readonly places: DataPlaces = {},
    /** Logs a disk that takes long. */
    readonly waits = new WaitWatch({ afterMs: WAIT_MS, logger }),
  ) {}

  /**
   * @param look whether its place may have changed, as before a run: then it is opened again if it has
   * @throws RequestError for an impossible reference, DatasetError for files that are not right
   */
  async get(ref: DatasetRef | undefined, { look = false } = {}): Promise<OpenDataset> {
    if (!ref || !isDatasetName(ref.name)) {
      throw new RequestError(`dataset.name '${ref?.name ?? ''}': expected one of ${datasetNames.join(', ')}`);
    }
    const { size, resize } = ref;
    for (const [field, value] of Object.entries({ size, resize })) {
      if (value > MAX_SIDE) throw new RequestError(`dataset.${field} ${value}: expected at most ${MAX_SIDE}`);
    }
    const { data } = await this.#opened(await this.#placeOf(ref.name, ref), look);
    const framing = framed(() => framingOf(data, { size, resize }));
    const imageSize = framedSize(data, framing);
    const decoded = () => this.#decoded(data, framing, imageSize);
    return { facts: factsOf(ref.name), data, framing, size: imageSize, decoded };
  }

  async #decoded(data: Dataset, framing: Framing, size: ImageSize): Promise<Dataset | undefined> {
    const { copies } = this.places;
    if (!copies || !data.encoded) return undefined;
    const name = sha256(JSON.stringify([data.fingerprint, framing, size]));
    return this.#copies.forceFetch(path.join(copies, `${name}.u8`), { context: { data, framing, size } });
  }

  #copy(file: string, { data, framing, size }: Framed): Promise<Dataset> {
    this.logger.info({ file, images: data.count, bytes: data.count * size.height * size.width * 3 }, 'decoded copy');
    return decodedCopy(data, framing, size, file);
  }

  async #placeOf(name: DatasetName, { root, split, skipDamaged }: DatasetRef): Promise<Place> {
    if (!isSplit(split)) throw new RequestError(`dataset.split '${split}': expected one of ${splits.join(', ')}`);
    return { name, root: await this.#resolve(name, root), split, skipDamaged };
  }

  async #opened(place: Place, look: boolean): Promise<Opened> {
    const key = JSON.stringify([place.name, place.root, place.split, place.skipDamaged]);
    const opened = await this.#open.forceFetch(key, { context: place });
    if (!look || opened.stamp === (await placeStamp(place.root))) return opened;
    // Somebody else may have opened it again meanwhile.
    const forceRefresh = this.#open.peek(key) === opened;
    return this.#open.forceFetch(key, { context: place, forceRefresh });
  }

  async #read({ name, root, split, skipDamaged }: Place): Promise<Opened> {
    const start = performance.now();
    const stamp = await placeStamp(root);
    const data = await this.waits.during({ service: 'disk', what: `${name} in ${root}, split ${split}` }, () =>
      readers[name]({ root, split, skipDamaged, memory: this.memory }),
    );
    const ms = Math.round(performance.now() - start);
    this.logger.debug({ name, root, split, images: data.count, ms }, 'data set opened');
    if (data.passedOver.length > 0) {
      this.logger.warn({ root, split, images: data.count, passedOver: data.passedOver }, 'not all files are used');
    }
    return { data, stamp };
  }

  async #fetch(name: DatasetName, address: string): Promise<string> {
    if (!factsOf(name).inS3) {
      const those = datasetNames.filter((other) => factsOf(other).inS3).join(', ');
      throw new RequestError(`dataset.root '${address}': only ${those} is read from S3`);
    }
    if (!this.places.fetchShards)
      throw new RequestError(`dataset.root '${address}': the loader has no MCLD_S3_ENDPOINT`);
    return this.places.fetchShards(address);
  }

  // Symbolic links are followed before the comparison, so that none leads out.
  async #resolve(name: DatasetName, root: string): Promise<string> {
    if (root.startsWith('s3://')) return this.#fetch(name, root);
    const resolved = path.resolve(this.folder, root);
    if (this.anywhere) return resolved;
    const [base, real] = await Promise.all([realpath(path.resolve(this.folder)), realpath(resolved)]).catch(() => {
      throw new DatasetError('missing', `no folder ${resolved}`);
    });
    if (real !== base && !real.startsWith(base + path.sep)) {
      throw new RequestError(`dataset.root '${root}' lies outside the loader's data folder`);
    }
    return real;
  }
}

const isSplit = (text: string): text is Split => splits.some((split) => split === text);

function framed(framing: () => Framing): Framing {
  try {
    return framing();
  } catch (error) {
    throw new RequestError(error instanceof Error ? error.message : String(error));
  }
}
