import { describe, expect, it } from 'vitest';
import { floatFormats, toFloat32 } from './float-formats.js';

const bytesOf = (...bits: number[]) => new Uint8Array(Uint16Array.from(bits).buffer);

describe('numbers of two bytes', () => {
  it('of IEEE half precision are read with their subnormals, infinities and zeros of both signs', () => {
    const bits = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x83ff, 0x0000, 0x8000, 0x7c00, 0xfc00, 0x7e00];
    const values = [1, -2, 65504, 2 ** -14, 2 ** -24, -1023 * 2 ** -24, 0, -0, Infinity, -Infinity, NaN];
    expect([...toFloat32(floatFormats.F16, bytesOf(...bits)).read(0, bits.length)]).toEqual(values);
  });

  it('of bfloat16 are the upper half of a float32', () => {
    const bits = [0x3f80, 0xc000, 0x7f80, 0x0001];
    expect([...toFloat32(floatFormats.BF16, bytesOf(...bits)).read(0, bits.length)]).toEqual([
      1,
      -2,
      Infinity,
      2 ** -133,
    ]);
  });
});
