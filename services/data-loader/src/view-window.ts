import { LRUCache } from 'lru-cache';

/**
 * The views drawn last, so that one decode serves all who ask for the same view at nearly the same time: the
 * trainer, the teacher, other students.
 */
export class ViewWindow {
  readonly #drawn: LRUCache<string, Promise<Uint8Array>>;

  /** @param limit most bytes that are kept, at least 1 */
  constructor(limit: number) {
    this.#drawn = new LRUCache({ maxSize: limit });
  }

  /**
   * @param bytes of the view
   * @param draw called unless it is here or being drawn
   */
  get(key: string, bytes: number, draw: () => Promise<Uint8Array>): Promise<Uint8Array> {
    // A look that does not count as use: with two readers, one behind the other, what the second one has read would
    // push out what it has yet to read.
    const drawn = this.#drawn.peek(key);
    if (drawn) return drawn;
    const view = draw();
    this.#drawn.set(key, view, { size: bytes });
    view.catch(() => this.#drawn.delete(key));
    return view;
  }
}
