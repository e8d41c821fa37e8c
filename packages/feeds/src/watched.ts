import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { Feed } from './feed.js';

/** The next item of a feed that should have one; a long wait for it is told of. @throws StreamError as `take` */
export const takeWatched = <T>(feed: Feed<T>, waits: WaitWatch): Promise<T> =>
  waits.during(
    feed.name,
    () => feed.take(),
    () => feed.waiting,
  );

/** The items of a feed, which is closed when its consumer leaves; long waits are told of. */
export async function* watched<T>(feed: Feed<T>, waits: WaitWatch): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await waits.during(
        feed.name,
        () => feed.next(),
        () => feed.waiting,
      );
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await feed.close();
  }
}
