type Read = (view: DataView, at: number, little: boolean) => number;

const byte: Read = (view, at) => view.getUint8(at);
const long: Read = (view, at, little) => view.getUint32(at, little);

/** The types that values may have: bytes of one, and how it is read. Fields of other types are passed over. */
const types: ReadonlyMap<number, readonly [size: number, read: Read]> = new Map<number, readonly [number, Read]>([
  [1, [1, byte]],
  [2, [1, byte]],
  [3, [2, (view, at, little) => view.getUint16(at, little)]],
  [4, [4, long]],
  [5, [8, (view, at, little) => long(view, at, little) / long(view, at + 4, little)]],
  [6, [1, (view, at) => view.getInt8(at)]],
  [7, [1, byte]],
  [8, [2, (view, at, little) => view.getInt16(at, little)]],
  [9, [4, (view, at, little) => view.getInt32(at, little)]],
  [10, [8, (view, at, little) => view.getInt32(at, little) / view.getInt32(at + 4, little)]],
  [11, [4, (view, at, little) => view.getFloat32(at, little)]],
  [12, [8, (view, at, little) => view.getFloat64(at, little)]],
  [13, [4, long]],
  [16, [8, (view, at, little) => Number(view.getBigUint64(at, little))]],
]);

const integerTypes: ReadonlySet<number> = new Set([1, 3, 4, 6, 7, 8, 9, 16]);

/** One tag with its values. */
export interface Field {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly at: number;
  /** Of all values together. */
  readonly bytes: number;
  /** Whether the values lie in the directory itself, and not where it points to: maybe out of the file. */
  readonly isInside: boolean;
}

/**
 * The first directory of a TIFF, which is also how EXIF is written: numbered tags with values. Whatever leads out of
 * the bytes counts as not there, so that damaged EXIF does not make an image unreadable.
 */
export class TiffDirectory {
  private constructor(
    private readonly view: DataView,
    private readonly little: boolean,
    private readonly big: boolean,
  ) {}

  /** @returns undefined for bytes that do not begin as a TIFF does */
  static of(bytes: Uint8Array): TiffDirectory | undefined {
    if (bytes.length < 8) return undefined;
    const start = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
    // The version is met in the wrong order too.
    if (!/^(II|MM)(\*\0|\0\*)$/.test(start) && start !== 'II+\0' && start !== 'MM\0+') return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return new TiffDirectory(view, start.startsWith('II'), start.includes('+'));
  }

  get length(): number {
    return this.view.byteLength;
  }

  /** All fields of known types with any values, in the order of the file. */
  *fields(): Generator<Field> {
    const start = this.pointer(this.big ? 8 : 4);
    const [head, size, room] = this.big ? [8, 20, 8] : [2, 12, 4];
    if (start + head > this.length) return;
    const entries = this.big ? this.number(16, start) : this.number(3, start);
    for (let i = 0, entry = start + head; i < entries && entry + size <= this.length; i++, entry += size) {
      const type = this.number(3, entry + 2);
      const count = this.number(this.big ? 16 : 4, entry + 4);
      const bytes = count * (types.get(type)?.[0] ?? 0);
      if (bytes === 0) continue;
      const [tag, values] = [this.number(3, entry), entry + size - room];
      const isInside = bytes <= room;
      yield { tag, type, count, at: isInside ? values : this.pointer(values), bytes, isInside };
    }
  }

  /** @returns the tag's first value, or undefined where it is not there or no integer; of two the first counts */
  integer(tag: number): number | undefined {
    const field = this.integers(tag);
    return field && this.first(field);
  }

  /** @returns the largest of the tag's values, or 0 where it is not there or no integer */
  largest(tag: number): number {
    const field = this.integers(tag);
    if (!field) return 0;
    const size = field.bytes / field.count;
    let largest = 0;
    for (let at = field.at; at < field.at + field.bytes; at += size) {
      largest = Math.max(largest, this.number(field.type, at));
    }
    return largest;
  }

  /** @param field one whose values lie in the bytes */
  first(field: Field): number {
    return this.number(field.type, field.at);
  }

  private integers(tag: number): Field | undefined {
    for (const field of this.fields()) {
      if (field.tag !== tag) continue;
      return integerTypes.has(field.type) && field.at + field.bytes <= this.length ? field : undefined;
    }
    return undefined;
  }

  private number(type: number, at: number): number {
    return types.get(type)?.[1](this.view, at, this.little) ?? Number.NaN;
  }

  private pointer(at: number): number {
    if (at + (this.big ? 8 : 4) > this.length) return this.length;
    return this.number(this.big ? 16 : 4, at);
  }
}
