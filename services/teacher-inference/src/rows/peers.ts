import type { TeacherClient } from '@mcld/feeds/clients.js';
import { fetchRows, type RowsOf, type ViewAddress } from '@mcld/feeds/views.js';
import { isOutOfReach } from '@mcld/platform/grpc/remote-error.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import type { ComputeQueue, RowProducer } from './compute-queue.js';

/** How long a replica that was out of reach is not asked again. */
const AWAY_MS = 5000;

/** Which of `replicas` computes the views of an image: as good as at random, and the same for all who ask. */
export function ownerOf(index: number, replicas: number): number {
  const mixed = Math.imul(index ^ (index >>> 15), 0x85ebca6b);
  return replicas < 2 ? 0 : ((mixed ^ (mixed >>> 13)) >>> 0) % replicas;
}

/** What asking another replica takes. */
interface PeerParts {
  /** Rows of its compute batch. */
  readonly batch: number;
  readonly waits: WaitWatch;
  readonly logger: Logger;
}

/**
 * Has another replica compute its views, in batches as large as its own. While it is out of reach they are computed
 * here: the same bits, where the machines are alike.
 */
export function peerRows(
  peer: TeacherClient,
  of: RowsOf,
  here: ComputeQueue,
  { batch, waits, logger }: PeerParts,
): RowProducer {
  let awayUntil = 0;

  function computeHere(views: readonly ViewAddress[]): Promise<Float32Array[]> {
    const rows = views.map((view) => here.request(view).row);
    for (const view of views) here.hurry(view);
    return Promise.all(rows);
  }

  return {
    batch,
    prepare: async (views) => async () => {
      if (performance.now() < awayUntil) return computeHere(views);
      try {
        const name = { service: 'replica of the teacher', what: of.output };
        return await waits.during(name, () => fetchRows(peer, of, views));
      } catch (error) {
        if (!isOutOfReach(error)) throw error;
        awayUntil = performance.now() + AWAY_MS;
        logger.warn({ err: error, awayMs: AWAY_MS }, 'a replica of the teacher is out of reach: computing its part');
        return computeHere(views);
      }
    },
  };
}
