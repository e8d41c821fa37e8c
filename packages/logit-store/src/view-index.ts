/**
 * Where the row of each view is: a plane of 32-bit places for each view code, made when the first view of that code
 * comes. No object a view: 4 bytes (CIFAR-100's 50,000 images in 162 views: 32 MB).
 */
export class ViewIndex {
  /** By view code; most codes of crop and flip come, and few of the others'. */
  readonly #planes: (Uint32Array | undefined)[] = [];
  #size = 0;

  /** @param images in the data set */
  constructor(readonly images: number) {}

  /** How many views have a place. */
  get size(): number {
    return this.#size;
  }

  /** Views that have a place, `count` at most, spread evenly over all of them. */
  sample(count: number): { readonly index: number; readonly code: number }[] {
    const views: { readonly index: number; readonly code: number }[] = [];
    let seen = 0;
    for (const [code, plane] of this.#planes.entries()) {
      if (!plane) continue;
      for (let index = 0; index < plane.length && views.length < count; index++) {
        if (plane[index] === 0) continue;
        if (seen * count >= views.length * this.#size) views.push({ index, code });
        seen++;
      }
    }
    return views;
  }

  /** @returns the place, or -1 */
  get(index: number, code: number): number {
    return (this.#planes[code]?.[index] ?? 0) - 1;
  }

  /** The first place that a view gets stays. @returns whether it took it */
  add(index: number, code: number, place: number): boolean {
    if (index >= this.images) return false;
    let plane = this.#planes[code];
    if (!plane) {
      plane = new Uint32Array(this.images);
      this.#planes[code] = plane;
    }
    if (plane[index] !== 0) return false;
    plane[index] = place + 1;
    this.#size++;
    return true;
  }

  /** Forgets a view whose row turned out to be damaged. */
  remove(index: number, code: number): void {
    const plane = this.#planes[code];
    if (!plane?.[index]) return;
    plane[index] = 0;
    this.#size--;
  }
}
