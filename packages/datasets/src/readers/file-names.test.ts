import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, byCodePoints, nameOf, readable, shownPath, spelledOut } from './file-names.js';

describe('names of files', () => {
  it('are strings that lead back to their bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(Buffer.from(addressOf(nameOf(Buffer.from(bytes))))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  // The right sides are Python 3's os.fsdecode of the left.
  it.each([
    ['63 61 66 c3 a9', 'café'],
    ['63 61 66 e9', 'caf\udce9'],
    ['f0 9f 98 80', '😀'],
    ['f0 9f 98', '\udcf0\udc9f\udc98'],
    ['ed a0 80', '\udced\udca0\udc80'],
    ['c0 af 61', '\udcc0\udcafa'],
  ])('are what Python makes of them: %s', (hex, name) => {
    expect(nameOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(name);
  });

  it('are told as valid text on one line, of bounded length', () => {
    expect(readable('caf\udce9/a\nb\x1b[31m')).toBe('caf\\xe9/a\\x0ab\\x1b[31m');
    expect(spelledOut('cafe\u0301 😀')).toBe('cafe\\u0301 \\u1f600');
    expect(shownPath(`${'a'.repeat(300)}/end.jpg`)).toMatch(/^a{100}…a{92}\/end\.jpg$/);
  });

  it('are sorted by code points, where UTF-16 has another order', () => {
    // Python 3: sorted(['\ue000', '😀', 'ﬁ', 'z', 'Z', 'é', 'caf\udce9', 'a10', 'a2', 'a'])
    const sorted = ['Z', 'a', 'a10', 'a2', 'caf\udce9', 'z', 'é', '\ue000', 'ﬁ', '😀'];
    expect([...sorted].reverse().sort(byCodePoints)).toEqual(sorted);
    expect([...sorted].sort()).not.toEqual(sorted);
  });
});
