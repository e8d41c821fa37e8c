/** Of an odd number of values the middle one. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Prints a figure beside what it should be. */
export function verdict(name: string, found: number, goal: '≤' | '≥', limit: number): void {
  const reached = goal === '≤' ? found <= limit : found >= limit;
  console.log(`${name}: ${found.toFixed(2)} (goal ${goal} ${limit}) ${reached ? 'reached' : 'MISSED'}`);
}
