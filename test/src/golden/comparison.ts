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

export const maxAbs = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call(
    values,
    (m: unknown, v: unknown) => Math.max(m as number, Math.abs(v as number)),
    0,
  ) as number;

/** Largest |a − b|; NaN when any is, Infinity when the lengths differ. */
export function maxDeviation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worstSoFar = 0;
  for (let i = 0; i < a.length; i++) {
    const deviation = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(deviation)) return Number.NaN;
    worstSoFar = Math.max(worstSoFar, deviation);
  }
  return worstSoFar;
}

export const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(
    Array.prototype.reduce.call(values, (s: unknown, v: unknown) => (s as number) + (v as number) ** 2, 0) as number,
  );
