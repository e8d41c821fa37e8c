import { describe, expect, it } from 'vitest';
import { worstClasses } from './confusion.js';

/** The definition, by the whole matrix. */
function byMatrix(labels: readonly number[], guesses: readonly number[], names: readonly string[], most: number) {
  const times = (label: number, guess: number) => labels.filter((l, i) => l === label && guesses[i] === guess).length;
  const rows = names.map((name, label) => {
    const takenFor = names
      .map((other, guess) => ({ name: other, count: guess === label ? 0 : times(label, guess) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count)
      .slice(0, 3);
    const count = labels.filter((l) => l === label).length;
    return { name, count, recall: times(label, label) / Math.max(1, count), takenFor };
  });
  const taken = (row: (typeof rows)[number]) => row.takenFor[0]?.count ?? 0;
  return rows
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.recall - b.recall || taken(b) - taken(a))
    .slice(0, most);
}

describe('worstClasses', () => {
  it('orders by recall and names what a class is taken for', () => {
    const worst = worstClasses([0, 0, 1, 1, 2], [0, 0, 0, 2, 0], ['a', 'b', 'c'], 2);
    expect(worst.map(({ name, recall }) => [name, recall])).toEqual([
      ['b', 0],
      ['c', 0],
    ]);
    expect(worst[0]?.takenFor).toEqual([
      { name: 'a', count: 1 },
      { name: 'c', count: 1 },
    ]);
  });

  it('is what the whole matrix gives, ties included', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    for (let round = 0; round < 200; round++) {
      // Few values, so that most recalls and counts are equal to others; class g has no image in every other round.
      const draw = (i: number) => (i * i * 31 + i * (round + 7) + round) % (7 - (round % 2));
      const labels = Array.from({ length: 40 }, (_, i) => draw(i));
      const guesses = Array.from({ length: 40 }, (_, i) => draw(i * 3 + 1));
      expect(worstClasses(labels, guesses, names, 5)).toEqual(byMatrix(labels, guesses, names, 5));
    }
  });

  it('looks at each image of 21,843 classes once, not at each pair of classes', () => {
    const classes = 21_843;
    const images = 2 * classes;
    let looked = 0;
    const counting = <T extends object>(values: T): T =>
      new Proxy(values, {
        get(target, key) {
          if (typeof key === 'string' && /^\d+$/.test(key) && ++looked > 4 * images) throw new Error('too much work');
          return Reflect.get(target, key);
        },
      });
    const names = counting(Array.from({ length: classes }, (_, c) => `n${c}`));
    const labels = counting(Int32Array.from({ length: images }, (_, i) => i % classes));
    // Class 5 is always taken for class 6, class 8 once for class 7; all others are guessed right.
    const guess = (i: number) => (i % classes === 5 ? 6 : i === 8 ? 7 : i % classes);
    const guesses = counting(Int32Array.from({ length: images }, (_, i) => guess(i)));
    expect(worstClasses(labels, guesses, names, 3)).toEqual([
      { name: 'n5', count: 2, recall: 0, takenFor: [{ name: 'n6', count: 2 }] },
      { name: 'n8', count: 2, recall: 0.5, takenFor: [{ name: 'n7', count: 1 }] },
      { name: 'n0', count: 2, recall: 1, takenFor: [] },
    ]);
  });
});
