import { percent } from './table.js';

/** A student's result on the test photographs. */
export interface StudentScore {
  readonly name: string;
  /** Share of the test images guessed right. */
  readonly top1: number;
  readonly count: number;
  /** The teacher's share. */
  readonly teacherTop1?: number;
}

/** Of a normal distribution: 95 % lie within so many standard deviations. */
const Z95 = 1.96;

/**
 * What the demo has shown, and how sure it is, in one sentence. The margin is that of the difference of two shares of
 * `count` images each (95 %, as if the two students had seen different images: an upper bound for the same ones).
 * @param students in the order in which they are expected to rise; two at least
 */
export function verdict(students: readonly StudentScore[]): string {
  const shares = students.map(({ name, top1 }) => `${name} ${percent(top1)}`).join(', ');
  const steps = students.flatMap((above, i) => {
    const below = students[i - 1];
    return below ? [comparison(below, above)] : [];
  });
  const { count = 0, teacherTop1 } = students[0] ?? {};
  return (
    `Shown: with the same teacher, photographs and epochs, of ${count.toLocaleString('en')} test photographs the ` +
    `teacher gets ${percent(teacherTop1)} right and the students ${shares}; ${steps.join(', and ')} (95 %, from the number of test photographs; one seed was ` +
    "tried, and what another one changes comes on top: 'mcld demo --set seed=1')."
  );
}

function comparison(below: StudentScore, above: StudentScore): string {
  const points = 100 * (above.top1 - below.top1);
  const margin = 100 * Z95 * Math.hypot(standardError(below), standardError(above));
  const difference = `${Math.abs(points).toFixed(1)} ± ${margin.toFixed(1)} points`;
  if (Math.abs(points) <= margin) return `${above.name} and ${below.name} differ by ${difference}, which shows nothing`;
  return `${above.name} is ${points > 0 ? 'above' : 'below'} ${below.name} by ${difference}`;
}

const standardError = ({ top1, count }: StudentScore): number => Math.sqrt((top1 * (1 - top1)) / count);
