export interface ClassConfusion {
  readonly name: string;
  readonly count: number;
  /** Share guessed right. */
  readonly recall: number;
  /** What it is taken for, most often first. */
  readonly takenFor: readonly { readonly name: string; readonly count: number }[];
}

/** The classes that are recognised worst, and what they are taken for. */
export function worstClasses(
  labels: ArrayLike<number>,
  guesses: ArrayLike<number>,
  classNames: readonly string[],
  most: number,
): ClassConfusion[] {
  const classes = classNames.length;
  const matrix = new Uint32Array(classes * classes);
  for (let i = 0; i < labels.length; i++) {
    const cell = (labels[i] as number) * classes + (guesses[i] as number);
    matrix[cell] = (matrix[cell] as number) + 1;
  }
  const rows = classNames.map((name, label): ClassConfusion => {
    const row = matrix.subarray(label * classes, (label + 1) * classes);
    const count = row.reduce((a, b) => a + b, 0);
    const takenFor = Array.from(row, (n, guess) => ({ name: classNames[guess] as string, count: n, guess }))
      .filter(({ count: n, guess }) => n > 0 && guess !== label)
      .sort((a, b) => b.count - a.count)
      .slice(0, 3)
      .map(({ name: taken, count: n }) => ({ name: taken, count: n }));
    return { name, count, recall: count === 0 ? 0 : (row[label] as number) / count, takenFor };
  });
  return rows
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.recall - b.recall || (b.takenFor[0]?.count ?? 0) - (a.takenFor[0]?.count ?? 0))
    .slice(0, most);
}
