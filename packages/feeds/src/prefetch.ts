/**
 * Reads ahead: up to `depth` items are fetched while the consumer works on one. The source is closed
 * when the consumer leaves.
 */
export async function* prefetch<T>(source: AsyncIterable<T>, depth: number): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const ahead: Promise<IteratorResult<T>>[] = [];
  const fetch = () => {
    const next = iterator.next();
    next.catch(() => {}); // Reported when its turn comes.
    ahead.push(next);
  };
  try {
    for (let i = 0; i < Math.max(1, depth); i++) fetch();
    for (let turn = ahead.shift(); turn; turn = ahead.shift()) {
      const next = await turn;
      if (next.done) return;
      fetch();
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
