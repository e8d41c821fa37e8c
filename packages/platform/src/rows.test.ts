import { describe, expect, it } from 'vitest';
import { float32Of, Rows } from './rows.js';

describe('rows', () => {
  it('are views of one array, in order', () => {
    const rows = new Rows(Float32Array.of(1, 2, 3, 4, 5, 6), 3);
    expect([rows.count, rows.width]).toEqual([2, 3]);
    expect([...rows]).toEqual([Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
    rows.set(0, Float32Array.of(7, 8, 9));
    expect([...rows.values]).toEqual([7, 8, 9, 4, 5, 6]);
    expect(rows.row(1).buffer).toBe(rows.values.buffer);
  });

  it('come out of their bytes, also where these are a part of others', () => {
    const { bytes } = new Rows(Float32Array.of(1, -2.5e-30, 3e20, Number.NaN), 2);
    expect([...Rows.ofBytes(bytes.subarray(8), 2).values]).toEqual([Math.fround(3e20), Number.NaN]);
    expect(Rows.ofBytes(bytes, 4).values.buffer).toBe(bytes.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(Rows.ofBytes(shifted.subarray(1), 2)).toEqual(Rows.ofBytes(bytes, 2));
  });

  it('are refused where values or bytes are left over', () => {
    expect(() => new Rows(new Float32Array(5), 2)).toThrow('5 values do not make up rows of 2');
    expect(() => new Rows(new Float32Array(4), 0)).toThrow('rows of 0');
    expect(() => float32Of(new Uint8Array(6))).toThrow('6 bytes do not make up float32 values');
  });

  it('may be none', () => {
    expect([...Rows.zeros(0, 3)]).toEqual([]);
  });
});
