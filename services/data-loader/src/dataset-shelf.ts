import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { type DatasetKind, datasetKinds, datasetNames, isDatasetName } from '@mcld/datasets/catalog.js';
import { type Dataset, DatasetError } from '@mcld/datasets/dataset.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';

export interface OpenDataset {
  readonly kind: DatasetKind;
  readonly data: Dataset;
}

/** Data sets kept open at once; the one not used for longest makes room. */
const SHELF = 8;

/** Opens data sets on demand and keeps them. */
export class DatasetShelf {
  readonly #open = new Map<string, Promise<OpenDataset>>();

  /** @param folder what relative roots count from; anywhere: whether roots may lie outside it */
  constructor(
    readonly folder: string,
    readonly anywhere: boolean,
  ) {}

  /** @throws RequestError for a reference that cannot be, DatasetError for files that are not right */
  async get(ref: DatasetRef | undefined): Promise<OpenDataset> {
    if (!ref || !isDatasetName(ref.name)) {
      throw new RequestError(`dataset.name '${ref?.name ?? ''}': expected one of ${datasetNames.join(', ')}`);
    }
    const { name, split, size } = ref;
    if (split !== 'train' && split !== 'test')
      throw new RequestError(`dataset.split '${split}': expected train or test`);
    if (size > 1024) throw new RequestError(`dataset.size ${size}: expected at most 1024`);
    const root = await this.#resolve(ref.root);
    const key = JSON.stringify([name, root, split, size]);
    const kind: DatasetKind = datasetKinds[name];
    const opened = this.#open.get(key) ?? kind.open({ root, split, size }).then((data) => ({ kind, data }));
    this.#open.delete(key);
    this.#open.set(key, opened);
    // A failure is not kept: the files may be put right.
    opened.catch(() => this.#open.delete(key));
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= SHELF) break;
      this.#open.delete(oldest);
    }
    return opened;
  }

  // Symbolic links are followed before the comparison, so that none leads out.
  async #resolve(root: string): Promise<string> {
    const wanted = path.resolve(this.folder, root);
    if (this.anywhere) return wanted;
    const [base, found] = await Promise.all([realpath(path.resolve(this.folder)), realpath(wanted)]).catch(() => {
      throw new DatasetError('missing', `no folder ${wanted}`);
    });
    if (found !== base && !found.startsWith(base + path.sep)) {
      throw new RequestError(`dataset.root '${root}' lies outside the loader's data folder`);
    }
    return found;
  }
}
