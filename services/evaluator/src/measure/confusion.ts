import type { ClassConfusion } from '@mcld/platform/runs/report.js';

/** How the images of one class were guessed. */
interface Tally {
  count: number;
  right: number;
  /** Wrong guesses and how often each was made: few of the classes, however many there are. */
  readonly wrong: Map<number, number>;
}

/** A row of the result before its names are looked up. */
interface Row {
  readonly label: number;
  readonly count: number;
  readonly recall: number;
  /** Class and count, most often first. */
  readonly takenFor: readonly (readonly [number, number])[];
}

/** Other classes that are named for each. */
const TAKEN_FOR = 3;

/** A class's name; its number where the data set names fewer. */
export const classNameOf = (classNames: readonly string[], label: number): string =>
  classNames[label] ?? `class ${label}`;

/**
 * The classes that are recognised worst, and what they are taken for; of equals the lower class first. Work and memory
 * grow with the images, not with the square of the classes (21,843 of them would make a matrix of 1.9 GB).
 */
export function worstClasses(
  labels: ArrayLike<number>,
  guesses: ArrayLike<number>,
  classNames: readonly string[],
  most: number,
): ClassConfusion[] {
  const named = (label: number): string => classNameOf(classNames, label);
  return [...tallied(labels, guesses)]
    .map(([label, tally]) => rowOf(label, tally))
    .sort((a, b) => a.recall - b.recall || mostTaken(b) - mostTaken(a) || a.label - b.label)
    .slice(0, most)
    .map(({ label, count, recall, takenFor }) => ({
      name: named(label),
      count,
      recall,
      takenFor: takenFor.map(([guess, times]) => ({ name: named(guess), count: times })),
    }));
}

function tallied(labels: ArrayLike<number>, guesses: ArrayLike<number>): Map<number, Tally> {
  const tallies = new Map<number, Tally>();
  for (let i = 0; i < labels.length; i++) {
    const [label, guess] = [labels[i] ?? 0, guesses[i] ?? 0];
    const tally = tallies.get(label) ?? { count: 0, right: 0, wrong: new Map<number, number>() };
    tallies.set(label, tally);
    tally.count++;
    if (guess === label) tally.right++;
    else tally.wrong.set(guess, (tally.wrong.get(guess) ?? 0) + 1);
  }
  return tallies;
}

function rowOf(label: number, { count, right, wrong }: Tally): Row {
  const takenFor = [...wrong].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, TAKEN_FOR);
  return { label, count, recall: right / count, takenFor };
}

const mostTaken = ({ takenFor }: Row): number => takenFor[0]?.[1] ?? 0;
