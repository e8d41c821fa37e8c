type Tuple<T, N extends number, R extends readonly T[] = readonly []> = number extends N
  ? readonly T[]
  : R['length'] extends N
    ? R
    : Tuple<T, N, readonly [...R, T]>;

/**
 * A list as a tuple, where the code knows its length and the compiler does not.
 * @throws Error when it has another length
 */
export function tupleOf<T, N extends number>(items: readonly T[], length: N): Tuple<T, N> {
  if (hasLength(items, length)) return items;
  throw new Error(`expected ${length} items, found ${items.length}`);
}

const hasLength = <T, N extends number>(items: readonly T[], length: N): items is Tuple<T, N> & readonly T[] =>
  items.length === length;
