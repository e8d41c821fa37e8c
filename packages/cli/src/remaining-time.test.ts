import { describe, expect, it } from 'vitest';
import { durationText, RemainingTime } from './remaining-time.js';

describe('the time that remains', () => {
  it('is not known from the first steps', () => {
    const remaining = new RemainingTime();
    for (const [step, at] of [
      [1, 9000],
      [2, 10_000],
      [12, 11_000],
    ] as const) {
      remaining.add(step, at);
      expect(remaining.of(100)).toBeUndefined();
    }
    remaining.add(22, 12_000);
    expect(remaining.of(100)).toBe(10_000);
  });

  it('is not moved by steps that compile, nor by the pause of an evaluation', () => {
    const remaining = new RemainingTime();
    const said: unknown[] = [];
    let at = 0;
    // Ten steps a second, but the second step takes 8 s and each hundredth is followed by 20 s of something else.
    for (let step = 1; step <= 500; step += 10) {
      remaining.add(step, at);
      at += step === 1 ? 8000 : step % 100 === 1 ? 21_000 : 1000;
      said.push(remaining.of(10));
    }
    // From the fifth report on.
    expect(said.slice(4)).toEqual(Array(46).fill(1000));
  });

  it('follows a run that becomes slower for good', () => {
    const remaining = new RemainingTime();
    for (let i = 0; i < 40; i++) remaining.add(10 * i, 1000 * i);
    for (let i = 1; i < 20; i++) remaining.add(390 + i, 39_000 + 1000 * i);
    expect(remaining.of(10)).toBe(10_000);
  });

  it('begins anew when a new attempt goes on at an earlier step', () => {
    const remaining = new RemainingTime();
    for (let i = 0; i < 40; i++) remaining.add(10 * i, 1000 * i);
    remaining.add(200, 100_000);
    expect(remaining.of(10)).toBeUndefined();
    for (let i = 1; i <= 3; i++) remaining.add(200 + i, 100_000 + 1000 * i);
    expect(remaining.of(10)).toBe(10_000);
  });

  it('is not confused by a clock that was set back, or by the same event twice', () => {
    const remaining = new RemainingTime();
    for (let i = 0; i < 5; i++) remaining.add(10 * i, 1000 * i);
    remaining.add(40, 4000);
    remaining.add(50, 1000);
    remaining.add(60, 2000);
    expect(remaining.of(10)).toBe(1000);
  });
});

describe('durationText', () => {
  it.each([
    [0, '1 s'],
    [59_400, '59 s'],
    [59_600, '1 min 0 s'],
    [200_000, '3 min 20 s'],
    [3_599_700, '1 h 0 min'],
    [9_000_000, '2 h 30 min'],
    [86_400_000 * 3 + 3_600_000 * 4.9, '3 d 4 h'],
  ])('%d ms: %s', (ms, text) => expect(durationText(ms)).toBe(text));
});
