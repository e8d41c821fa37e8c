/** Pairs of what stands at the same place in two lists. @throws Error when their lengths differ */
export function zip<A, B>(first: readonly A[], second: readonly B[]): [A, B][] {
  if (first.length !== second.length) throw new Error(`${first.length} items beside ${second.length}`);
  const others = second.values();
  return first.flatMap((item): [A, B][] => {
    const other = others.next();
    return other.done ? [] : [[item, other.value]];
  });
}
