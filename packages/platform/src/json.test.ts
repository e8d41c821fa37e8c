import { expect, it } from 'vitest';
import { jsonText } from './json.js';

it('writes numbers that JSON has not as protobuf does, and the others as they are', () => {
  const value = { a: Number.NaN, b: [Number.POSITIVE_INFINITY, -1 / 0], c: 0.5, d: null, e: 'NaN', at: new Date(0) };
  expect(jsonText(value)).toBe(
    '{"a":"NaN","b":["Infinity","-Infinity"],"c":0.5,"d":null,"e":"NaN","at":"1970-01-01T00:00:00.000Z"}',
  );
  expect(jsonText({ a: 1 }, 2)).toBe('{\n  "a": 1\n}');
});
