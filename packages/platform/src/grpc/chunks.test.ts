import { describe, expect, it } from 'vitest';
import { Assembly, CHUNK_BYTES, ChunkError, chunks } from './chunks.js';

const array = Uint8Array.from({ length: 2 * CHUNK_BYTES + 5 }, (_, i) => i % 251);

describe('chunks', () => {
  it('of an array larger than a message make it up again', () => {
    const assembly = new Assembly(array.length);
    const results = [...chunks(array)].map((chunk) => assembly.add(chunk));
    expect(results.map((r) => r !== undefined)).toEqual([false, false, true]);
    expect(Buffer.compare(results[2]!, array)).toBe(0);
  });

  it('that lie are refused before anything is allocated', () => {
    const bytes = Buffer.alloc(4);
    expect(() => new Assembly(100).add({ bytes, totalBytes: 2 ** 40, offset: 0 })).toThrow(ChunkError);
    expect(() => new Assembly(100).add({ bytes, totalBytes: 10, offset: 3 })).toThrow('expected one at 0');
    expect(() => new Assembly(100).add({ bytes, totalBytes: 2, offset: 0 })).toThrow(ChunkError);
  });
});
