/** Place of the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  let largest = values[0] ?? Number.NaN;
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (value > largest) [best, largest] = [i, value];
  }
  return best;
}
