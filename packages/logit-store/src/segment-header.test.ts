import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeHeader, encodeHeader } from './segment-header.js';

const bytes = readFileSync(path.join(import.meta.dirname, '../fixtures/header.keys'));

/** A header of another JSON text, its digest right. */
function headerOf(json: string): Buffer {
  const header = Buffer.alloc(1024);
  bytes.copy(header, 0, 0, 8);
  header.writeUInt32LE(json.length, 8);
  header.write(json, 12);
  createHash('sha256').update(header.subarray(0, 992)).digest().copy(header, 992);
  return header;
}

describe('the header of a segment', () => {
  it('of an earlier build is read, and written as it was', () => {
    const header = decodeHeader(bytes);
    expect(header).toMatchObject({ width: 100, precision: 'fp32', words: 101 });
    expect(encodeHeader(header)).toEqual(bytes);
  });

  it('that is damaged is refused', () => {
    const damaged = Buffer.from(bytes);
    damaged[20]! ^= 1;
    expect(() => decodeHeader(damaged)).toThrow('the sha256 of its header (byte 992) does not match');
    expect(() => decodeHeader(Buffer.alloc(1024))).toThrow('it does not begin as a segment does');
  });

  it('that another program wrote is refused by its field', () => {
    const { width: classes, ...rest } = decodeHeader(bytes);
    const json = JSON.stringify({ ...rest, classes, words: 0 });
    expect(() => decodeHeader(headerOf(json))).toThrow('its header cannot be read: words: Too small');
    expect(() => decodeHeader(headerOf('{"format":1'))).toThrow('its header cannot be read: it is not JSON');
  });
});
