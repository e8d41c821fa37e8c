/**
 * The views drawn last, so that one decode serves all who ask for the same view at nearly the same time: the
 * trainer, the teacher, other students.
 */
export class ViewWindow {
  readonly #recent = new Map<string, { readonly view: Promise<Uint8Array>; readonly bytes: number }>();
  #bytes = 0;

  /** @param limit most bytes that are kept */
  constructor(readonly limit: number) {}

  /** @param bytes of the view; draw: called unless it is here or being drawn */
  get(key: string, bytes: number, draw: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const found = this.#recent.get(key);
    if (found) return found.view;
    const view = draw();
    this.#recent.set(key, { view, bytes });
    this.#bytes += bytes;
    view.catch(() => this.#drop(key));
    for (const oldest of this.#recent.keys()) {
      if (this.#bytes <= this.limit) break;
      this.#drop(oldest);
    }
    return view;
  }

  #drop(key: string): void {
    this.#bytes -= this.#recent.get(key)?.bytes ?? 0;
    this.#recent.delete(key);
  }
}
