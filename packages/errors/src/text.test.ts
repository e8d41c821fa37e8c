import { expect, it } from 'vitest';
import { clipped, listed, messageOf, shown } from './text.js';

it('cuts text between characters, and says so', () => {
  expect(clipped('a😀b', 3)).toBe('a😀b');
  expect(clipped('a😀b', 2)).toBe('a😀…');
  expect(clipped('a😀b', 1)).toBe('a…');
  expect(clipped('x'.repeat(301))).toBe(`${'x'.repeat(300)}…`);
});

it('leaves out the middle where the end counts', () => {
  expect(clipped('/data/set/image.jpg', 10, 'ends')).toBe('/data…e.jpg');
  expect(clipped('abcdef', 1, 'ends')).toBe('a…');
  expect(clipped('abc', 3, 'ends')).toBe('abc');
});

it('shows text of others on one line and bounded', () => {
  expect(shown('a\nb\u202ec')).toBe('a\ufffdb\ufffdc');
  expect(shown('x'.repeat(200), 5)).toBe('xxxxx…');
});

it('lists a few and counts the rest', () => {
  expect(listed(['a', 'b'])).toBe('a, b');
  expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
});

it('finds words for whatever was thrown', () => {
  expect(messageOf(new Error('no luck'))).toBe('no luck');
  expect(messageOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
  expect([messageOf(new TypeError()), messageOf('a string'), messageOf(undefined)]).toEqual([
    'TypeError',
    'a string',
    'undefined',
  ]);
});
