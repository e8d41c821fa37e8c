import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { writeWholeSync } from '@mcld/files/atomic-file.js';
import { mapFile } from '@mcld/native/mapped-file.js';
import { KEY_WORDS, Segment, writeKey } from './segment.js';
import { encodeHeader, HEADER_BYTES, type SegmentHeader } from './segment-header.js';

/**
 * Appends rows to a new segment, which nobody else writes to. Rows are on their way to the disk when `append` returns
 * (a killed process loses none) and on it when `sync` does.
 */
export class SegmentWriter {
  readonly segment: Segment;
  #count = 0;
  #synced = 0;

  private constructor(
    readonly file: string,
    readonly capacity: number,
    readonly keysFd: number,
    readonly rowsFd: number,
    header: SegmentHeader,
  ) {
    const rows = new Int32Array(mapFile(`${file}.rows`));
    this.segment = Segment.growing(path.basename(file), header, new Int32Array(capacity * KEY_WORDS), rows);
  }

  /**
   * @param file path without ending
   * @param capacity most rows
   * @throws NodeJS.ErrnoException
   */
  static create(file: string, header: SegmentHeader, capacity: number): SegmentWriter {
    mkdirSync(path.dirname(file), { recursive: true });
    const rowsFd = openSync(`${file}.rows`, 'wx', 0o644);
    try {
      // Its full length at once, without blocks: so it is mapped once, and rows show there as they are written.
      ftruncateSync(rowsFd, capacity * header.words * 4);
      // The keys appear whole with their header, or not.
      writeWholeSync(`${file}.keys`, encodeHeader(header));
      return new SegmentWriter(file, capacity, openSync(`${file}.keys`, 'r+'), rowsFd, header);
    } catch (error) {
      closeSync(rowsFd);
      rmSync(`${file}.rows`, { force: true });
      throw error;
    }
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.capacity;
  }

  /**
   * @param words encoded rows, each with its checksum behind it, as many as index and code have entries
   * @returns the first one's row
   * @throws NodeJS.ErrnoException (ENOSPC, say); then none of them is part of the segment
   */
  append(index: Uint32Array, code: Uint32Array, words: Int32Array): number {
    const { words: rowWords } = this.segment.header;
    const first = this.#count;
    const { keys } = this.segment;
    for (let i = 0; i < index.length; i++) {
      const check = words[(i + 1) * rowWords - 1] ?? 0;
      writeKey(keys, (first + i) * KEY_WORDS, index[i] ?? 0, code[i] ?? 0, check);
    }
    writeAll(this.rowsFd, bytesOf(words), first * rowWords * 4);
    const key = keys.subarray(first * KEY_WORDS, (first + index.length) * KEY_WORDS);
    writeAll(this.keysFd, bytesOf(key), HEADER_BYTES + first * KEY_WORDS * 4);
    this.#count += index.length;
    return first;
  }

  sync(): void {
    if (this.#synced === this.#count) return;
    fdatasyncSync(this.rowsFd);
    fdatasyncSync(this.keysFd);
    this.#synced = this.#count;
  }

  /** Ends the segment; an empty one goes. Its rows stay readable here. */
  close(): void {
    if (this.#count > 0) {
      ftruncateSync(this.rowsFd, this.#count * this.segment.header.words * 4);
      this.sync();
    }
    closeSync(this.keysFd);
    closeSync(this.rowsFd);
    if (this.#count === 0) for (const end of ['.keys', '.rows']) rmSync(this.file + end, { force: true });
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

const bytesOf = (words: Int32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
