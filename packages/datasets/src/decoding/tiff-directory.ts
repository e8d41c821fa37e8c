/** Bytes of a value of each type that tags have here; other types are passed over. */
const sizes: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 16: 8 };

/** Values of one tag that are read: none of interest has more than a few. */
const MAX_VALUES = 16;

/**
 * The first directory of a TIFF, which is also how EXIF is written: numbered tags with integers as values. Whatever
 * leads out of the bytes counts as not there, so that damaged EXIF does not make an image unreadable.
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
    const order = Buffer.from(bytes.subarray(0, 2)).toString('latin1');
    if (order !== 'II' && order !== 'MM') return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const version = view.getUint16(2, order === 'II');
    if (version !== 42 && version !== 43) return undefined;
    return new TiffDirectory(view, order === 'II', version === 43);
  }

  /** @returns the tag's values, or undefined where it is not there or no integer; of two the first counts */
  integers(tag: number): readonly number[] | undefined {
    const entry = this.entry(tag);
    const size = entry && sizes[this.short(entry + 2)];
    if (!entry || !size) return undefined;
    const count = this.big ? this.long8(entry + 4) : this.long(entry + 4);
    if (count < 1 || count > MAX_VALUES) return undefined;
    const field = entry + (this.big ? 12 : 8);
    const inside = size * count <= (this.big ? 8 : 4);
    const at = inside ? field : this.offset(field);
    if (at + size * count > this.view.byteLength) return undefined;
    return Array.from({ length: count }, (_, i) => this.value(this.short(entry + 2), at + i * size));
  }

  private entry(tag: number): number | undefined {
    const start = this.offset(this.big ? 8 : 4);
    const [head, size] = this.big ? [8, 20] : [2, 12];
    if (start + head > this.view.byteLength) return undefined;
    const count = this.big ? this.long8(start) : this.short(start);
    for (let i = 0, at = start + head; i < count && at + size <= this.view.byteLength; i++, at += size) {
      if (this.short(at) === tag) return at;
    }
    return undefined;
  }

  private value(type: number, at: number): number {
    if (type === 3) return this.short(at);
    if (type === 4) return this.long(at);
    if (type === 6) return this.view.getInt8(at);
    if (type === 8) return this.view.getInt16(at, this.little);
    if (type === 9) return this.view.getInt32(at, this.little);
    return type === 16 ? this.long8(at) : this.view.getUint8(at);
  }

  private readonly short = (at: number) => this.view.getUint16(at, this.little);
  private readonly long = (at: number) => this.view.getUint32(at, this.little);
  private readonly long8 = (at: number) => Number(this.view.getBigUint64(at, this.little));
  private readonly offset = (at: number) => {
    const width = this.big ? 8 : 4;
    if (at + width > this.view.byteLength) return this.view.byteLength;
    return this.big ? this.long8(at) : this.long(at);
  };
}
