import { createHash } from 'node:crypto';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { logitsPrefix } from '@mcld/platform/layout.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { decodeSegment, encodeSegment } from './segment.js';

/** Rows that are written as one segment. */
const SEGMENT_ROWS = 4096;

/** Views of an image that a key has room for; padding 16 with flips has 2178. */
const CODES = 4096;

const keyOf = (index: number, code: number): number => index * CODES + code;

/**
 * One teacher's logits for views of one data set: an exact cache, float32. Rows are held in memory
 * up to a budget and written to the object store in checksummed segments. The first row stored for a
 * view stays, so a resumed run reads what the undisturbed one read.
 */
export class LogitStore {
  readonly #rows = new Map<number, Float32Array>();
  #unsaved: number[] = [];
  #full = false;

  private constructor(
    readonly objects: ObjectStore,
    readonly prefix: string,
    readonly identity: string,
    readonly classes: number,
    readonly maxRows: number,
    readonly logger: Logger,
  ) {}

  /** Opens with everything that segments hold; a damaged segment is reported and passed over. */
  static async open(
    objects: ObjectStore,
    { teacher, data, classes }: { teacher: TeacherDigest; data: string; classes: number },
    { identity, megabytes, logger }: { identity: string; megabytes: number; logger: Logger },
  ): Promise<LogitStore> {
    const maxRows = Math.floor((megabytes * 2 ** 20) / (4 * classes + 64));
    const store = new LogitStore(objects, logitsPrefix(teacher, data), identity, classes, maxRows, logger);
    for (const key of await objects.list(store.prefix)) await store.#load(key);
    return store;
  }

  async #load(key: string): Promise<void> {
    const bytes = await this.objects.get(key);
    if (!bytes) return;
    try {
      const { identity, classes, index, code, logits } = decodeSegment(bytes);
      if (classes !== this.classes) throw new Error(`it has ${classes} classes, the teacher ${this.classes}`);
      if (identity !== this.identity)
        this.logger.warn({ key, identity, here: this.identity }, 'logits of another machine');
      for (let i = 0; i < index.length; i++) {
        this.#insert(keyOf(index[i] as number, code[i] as number), logits.subarray(i * classes, (i + 1) * classes));
      }
    } catch (error) {
      this.logger.error({ key, err: error }, 'passing over a damaged logit segment');
    }
  }

  get size(): number {
    return this.#rows.size;
  }

  has(index: number, code: number): boolean {
    return this.#rows.has(keyOf(index, code));
  }

  /** A view's logits, float32 [classes]; not to be written to. */
  get(index: number, code: number): Float32Array | undefined {
    return this.#rows.get(keyOf(index, code));
  }

  /** @returns false when the store is full and did not take the row */
  put(index: number, code: number, row: Float32Array): boolean {
    const key = keyOf(index, code);
    if (this.#rows.has(key)) return true;
    if (!this.#insert(key, row)) return false;
    this.#unsaved.push(key);
    return true;
  }

  #insert(key: number, row: Float32Array): boolean {
    if (this.#rows.has(key)) return true;
    if (this.#rows.size >= this.maxRows) {
      if (!this.#full)
        this.logger.warn({ rows: this.maxRows }, 'logit store full: further views are computed each time');
      this.#full = true;
      return false;
    }
    this.#rows.set(key, row);
    return true;
  }

  /** Writes what is not yet written, in whole segments; with `all` a last smaller one too. */
  async save(all = false): Promise<void> {
    while (this.#unsaved.length >= SEGMENT_ROWS || (all && this.#unsaved.length > 0)) {
      const keys = this.#unsaved.slice(0, SEGMENT_ROWS);
      this.#unsaved = this.#unsaved.slice(SEGMENT_ROWS);
      const { classes, identity } = this;
      const logits = new Float32Array(keys.length * classes);
      for (const [i, key] of keys.entries()) logits.set(this.#rows.get(key) as Float32Array, i * classes);
      const segment = encodeSegment({
        identity,
        classes,
        index: Uint32Array.from(keys, (key) => Math.floor(key / CODES)),
        code: Uint32Array.from(keys, (key) => key % CODES),
        logits,
      });
      try {
        await this.objects.put(`${this.prefix}${createHash('sha256').update(segment).digest('hex')}`, segment);
      } catch (error) {
        // Nothing is lost but time: the rows are still here, and can be computed again.
        this.#unsaved = [...keys, ...this.#unsaved];
        this.logger.error({ err: error }, 'cannot write a logit segment');
        return;
      }
    }
  }
}
