import { existsSync } from 'node:fs';
import { messageOf } from '@mcld/errors/text.js';
import { Segment } from './segment.js';
import type { SegmentFolder, StoredLogits } from './segment-folder.js';

export interface Verification {
  readonly rows: number;
  /** Rows whose checksum does not match. */
  readonly damagedRows: number;
  /** Segments that cannot be opened, with the reason. */
  readonly refused: readonly string[];
  /** Values of a row. */
  readonly width: number;
  readonly precision: string;
  readonly identities: readonly string[];
}

/** Reads all of a store and checks every row. */
export async function verifyStore(segments: SegmentFolder, { teacher, data }: StoredLogits): Promise<Verification> {
  let [rows, damagedRows, width, precision] = [0, 0, 0, ''];
  const refused: string[] = [];
  const identities = new Set<string>();
  for (const { name, file } of await segments.list(teacher, data)) {
    try {
      const segment = Segment.open(name, file);
      rows += segment.count;
      ({ width, precision } = segment.header);
      identities.add(segment.header.identity);
      for (let row = 0; row < segment.count; row++) if (!segment.isRight(row)) damagedRows++;
    } catch (error) {
      // Its teacher may have closed it meanwhile: an empty one goes then.
      if (!existsSync(`${file}.keys`)) continue;
      refused.push(`${name}: ${messageOf(error)}`);
    }
  }
  return { rows, damagedRows, refused, width, precision, identities: [...identities].sort() };
}
