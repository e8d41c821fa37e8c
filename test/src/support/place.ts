/** The folder that most tests start from, made before the first of them and removed after the last. */
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { scratch, smallCifar } from './data.js';

/** A folder, with a few images of CIFAR-100 in it. */
export class Place {
  #made: { readonly folder: string; readonly data: string; readonly remove: () => Promise<void> } | undefined;

  /** @param images how many to train on and to test on */
  async make(images?: { readonly train: number; readonly test: number }): Promise<void> {
    const { folder, remove } = await scratch();
    this.#made = { folder, data: images ? await smallCifar(folder, images.train, images.test) : '', remove };
  }

  async remove(): Promise<void> {
    await this.#made?.remove();
  }

  get folder(): string {
    if (!this.#made) throw new Error('the folder is made in beforeAll');
    return this.#made.folder;
  }

  /** The data set's root. */
  get data(): string {
    if (!this.#made?.data) throw new Error('the images are there from beforeAll on, if usePlace was asked for any');
    return this.#made.data;
  }

  /** A path in the folder. */
  at(...names: string[]): string {
    return path.join(this.folder, ...names);
  }
}

/** A place for the tests of a file or a `describe`. */
export function usePlace(images?: { readonly train: number; readonly test: number }): Place {
  const place = new Place();
  beforeAll(() => place.make(images));
  afterAll(() => place.remove());
  return place;
}
