import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { readRows } from '@mcld/native/rows.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { Rows } from '@mcld/platform/rows.js';
import { checkWords } from './checksum.js';
import type { RowCodec } from './row-codec.js';
import { KEY_WORDS, Segment } from './segment.js';
import type { SegmentFolder } from './segment-folder.js';
import type { SegmentHeader } from './segment-header.js';
import { SegmentWriter } from './segment-writer.js';
import { ViewIndex } from './view-index.js';

/** Bytes of rows in a segment, about. */
const SEGMENT_BYTES = 1 << 26;
const MIN_ROWS = 1 << 10;
const MAX_ROWS = 1 << 18;

/** What the rows are of. */
export interface StoreAddress {
  readonly teacher: string;
  /** Digest over all that a view's pixels depend on, the output and the precision. */
  readonly data: string;
  /** Images in the data set. */
  readonly images: number;
}

/**
 * The rows of one of a teacher's outputs for the views of one data set, in memory-mapped segments. The first row stored
 * for a view stays, so a resumed run reads what the undisturbed one read. One process writes a segment; any number read
 * it.
 */
export class LogitStore {
  #index: ViewIndex;
  #segments: Segment[] = [];
  readonly #known = new Set<string>();
  readonly #identities = new Set<string>();
  /** Rows of a segment: a place is segment · #capacity + row. */
  readonly #capacity: number;
  /** Words of a stored row: its own and its checksum. */
  readonly #stride: number;
  #writer: { readonly number: number; readonly to: SegmentWriter } | undefined;
  #full = false;

  private constructor(
    readonly folder: SegmentFolder,
    readonly address: StoreAddress,
    readonly codec: RowCodec,
    readonly identity: () => string,
    readonly logger: Logger,
  ) {
    this.#index = new ViewIndex(address.images);
    this.#stride = codec.words + 1;
    this.#capacity = capacityOf(this.#stride);
  }

  /**
   * Opens with all that its segments hold; a damaged one is reported and passed over.
   * @param options.identity of what computes the rows that are put now
   */
  static async open(
    folder: SegmentFolder,
    address: StoreAddress,
    { codec, identity, logger }: { codec: RowCodec; identity: () => string; logger: Logger },
  ): Promise<LogitStore> {
    const store = new LogitStore(folder, address, codec, identity, logger);
    await store.refresh();
    return store;
  }

  /** Takes in the segments that others have written since, and forgets all when some were removed. */
  async refresh(): Promise<void> {
    const before = [...this.#known];
    const segments = await this.folder.list(this.address.teacher, this.address.data);
    const here = new Set(segments.map(({ name }) => name));
    if (before.some((name) => this.#known.has(name) && !here.has(name))) this.#startOver();
    for (const { name, file } of segments) {
      if (this.#known.has(name)) continue;
      this.#known.add(name);
      try {
        this.#take(Segment.open(name, file));
      } catch (error) {
        this.logger.error({ file, err: error }, 'passing over a logit segment');
      }
    }
  }

  /** Their files are gone, but not what is mapped of them: it would be served until the process ends. */
  #startOver(): void {
    const { teacher, data } = this.address;
    this.logger.info({ teacher, data }, 'stored logits were removed: they will be computed again');
    this.#writer?.to.close();
    this.#writer = undefined;
    this.#index = new ViewIndex(this.address.images);
    this.#segments = [];
    this.#known.clear();
    this.#identities.clear();
    this.#full = false;
  }

  #take(segment: Segment): void {
    const { header, keys, count } = segment;
    const { width, precision } = this.codec;
    if (header.width !== width || header.precision !== precision || header.words !== this.#stride) {
      throw new Error(`its rows are ${header.width} values as ${header.precision}, expected ${width} as ${precision}`);
    }
    if (count > this.#capacity) throw new Error(`it has ${count} rows, expected at most ${this.#capacity}`);
    if (count === 0) return;
    const first = this.#add(segment);
    for (let row = 0, at = 0; row < count; row++, at += KEY_WORDS) {
      this.#index.add((keys[at] ?? 0) >>> 0, (keys[at + 1] ?? 0) >>> 0, first + row);
    }
  }

  #add(segment: Segment): number {
    this.#identities.add(segment.header.identity);
    return (this.#segments.push(segment) - 1) * this.#capacity;
  }

  /** Views that are stored. */
  get size(): number {
    return this.#index.size;
  }

  /** Everything that computed stored rows: with more than one, last bits may differ between rows. */
  get identities(): readonly string[] {
    return [...this.#identities].sort();
  }

  /** Views that are stored, `count` at most, spread evenly over all of them. */
  sample(count: number): { readonly index: number; readonly code: number }[] {
    return this.#index.sample(count);
  }

  has(index: number, code: number): boolean {
    return this.#index.get(index, code) >= 0;
  }

  /**
   * Copies views' rows, and checks them on the way: a row that is damaged is forgotten, loudly.
   * @param out takes a row for each view
   * @returns 1 for each view that was there
   */
  read(index: Uint32Array, code: Uint32Array, out: Rows): Uint8Array {
    const { words, precision } = this.codec;
    const { values, width } = out;
    const addresses = new Float64Array(index.length);
    for (let i = 0; i < index.length; i++) {
      const place = this.#index.get(index[i] ?? 0, code[i] ?? 0);
      if (place < 0) continue;
      const number = Math.floor(place / this.#capacity);
      const row = place - number * this.#capacity;
      const address = this.#segments[number]?.address ?? 0;
      if (address > 0) addresses[i] = address + row * this.#stride * 4;
    }
    const isExact = precision === 'fp32';
    const copied = isExact
      ? new Int32Array(values.buffer, values.byteOffset, values.length)
      : new Int32Array(index.length * words);
    const right = readRows({ addresses, index, code }, words, copied);
    for (let i = 0; i < right.length; i++) {
      if (right[i] === 0 && (addresses[i] ?? 0) > 0) this.#forget(index[i] ?? 0, code[i] ?? 0);
      else if (right[i] === 1 && !isExact) this.codec.decode(copied, i * words, values, i * width);
    }
    return right;
  }

  #forget(index: number, code: number): void {
    const { teacher, data } = this.address;
    this.logger.error({ teacher, data, index, code }, 'a stored row is damaged: it will be computed again');
    this.#index.remove(index, code);
  }

  /**
   * Stores rows, of which none is stored yet.
   * @param rows one for each view; on return as they will be read: an approximate codec changes them
   * @returns false when there is no room: they will have to be computed again
   */
  put(index: Uint32Array, code: Uint32Array, rows: Rows): boolean {
    const { codec } = this;
    const stride = this.#stride;
    const encoded = new Int32Array(index.length * stride);
    for (let i = 0, at = 0; i < index.length; i++, at += stride) {
      codec.encode(rows.row(i), encoded, at);
      const [image, view] = [(index[i] ?? 0) | 0, (code[i] ?? 0) | 0];
      encoded[at + codec.words] = checkWords(encoded, at, codec.words, image, view);
      codec.decode(encoded, at, rows.values, i * codec.width);
    }
    for (let done = 0; done < index.length; ) {
      const writer = this.#openWriter();
      if (!writer) return false;
      const n = Math.min(index.length - done, writer.to.capacity - writer.to.count);
      const slice = [index.subarray(done, done + n), code.subarray(done, done + n)] as const;
      try {
        const row = writer.to.append(...slice, encoded.subarray(done * stride, (done + n) * stride));
        const first = writer.number * this.#capacity + row;
        for (let i = 0; i < n; i++) this.#index.add(index[done + i] ?? 0, code[done + i] ?? 0, first + i);
      } catch (error) {
        this.#refuse('cannot write a logit segment', error);
        return false;
      }
      done += n;
    }
    return true;
  }

  /** A segment with room in it; none when the store is full. */
  #openWriter(): { readonly number: number; readonly to: SegmentWriter } | undefined {
    if (this.#full) return undefined;
    const writer = this.#writer;
    const identity = this.identity();
    if (writer && !writer.to.isFull && writer.to.segment.header.identity === identity) return writer;
    this.#closeWriter();
    const { folder, address } = this;
    if (!folder.makeRoom(address, this.#capacity * this.#stride * 4)) {
      this.#refuse('the logit store is full (MCLD_LOGIT_STORE_MB)');
      return undefined;
    }
    const name = `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(6).toString('hex')}`;
    this.#known.add(name);
    try {
      const to = SegmentWriter.create(
        path.join(folder.folderOf(address), name),
        this.#header(identity),
        this.#capacity,
      );
      this.#writer = { number: this.#add(to.segment) / this.#capacity, to };
      return this.#writer;
    } catch (error) {
      this.#refuse('cannot begin a logit segment', error);
      return undefined;
    }
  }

  #header(identity: string): SegmentHeader {
    const { address, codec } = this;
    const { width, precision } = codec;
    const { teacher, data } = address;
    return { format: 1, teacher, data, width, precision, identity, words: this.#stride };
  }

  #refuse(why: string, error?: unknown): void {
    this.logger.warn(
      { ...(error ? { err: error } : {}), teacher: this.address.teacher },
      `${why}: further views are computed each time`,
    );
    this.#full = true;
  }

  #closeWriter(): void {
    const writer = this.#writer;
    if (!writer) return;
    this.#writer = undefined;
    writer.to.close();
    if (writer.to.count > 0) this.folder.finished(writer.to.file);
    else this.#known.delete(path.basename(writer.to.file));
  }

  /** Puts on the disk what is not there yet, and in a shared store ends the segment, so that others see it. */
  async save(): Promise<void> {
    try {
      if (this.folder.isShared) this.#closeWriter();
      else this.#writer?.to.sync();
      await this.folder.settle();
    } catch (error) {
      this.logger.error({ err: error }, 'cannot save logits: they can be computed again');
    }
  }

  async close(): Promise<void> {
    this.#closeWriter();
    await this.save();
  }
}

function capacityOf(stride: number): number {
  return Math.max(MIN_ROWS, Math.min(MAX_ROWS, Math.floor(SEGMENT_BYTES / (stride * 4))));
}
