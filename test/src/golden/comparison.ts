/** One quantity held against its reference value. */
export interface Comparison {
  readonly quantity: string;
  readonly deviation: number;
  readonly tolerance: number;
}

/** What a reference file came to. */
export interface FileResult {
  readonly file: string;
  readonly comparisons: readonly Comparison[];
  /** Names of what is not built yet. */
  readonly unsupported: readonly string[];
}

/** The comparison that is nearest to, or furthest past, its tolerance. */
export function worst(comparisons: readonly Comparison[]): Comparison | undefined {
  return comparisons.reduce<Comparison | undefined>(
    (a, b) => (a === undefined || share(b) > share(a) ? b : a),
    undefined,
  );
}

/** Share of the tolerance that is used up; NaN counts as past it. */
export function share({ deviation, tolerance }: Comparison): number {
  return Number.isNaN(deviation) ? Number.POSITIVE_INFINITY : deviation / tolerance;
}

export function maxAbs(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** Largest |a − b|; NaN when any is, Infinity when the lengths differ. */
export function maxDeviation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}
