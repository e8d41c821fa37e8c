import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { Assembly, float32Of } from '@mcld/platform/grpc/chunks.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { isOutOfReach } from '@mcld/platform/grpc/remote-error.js';
import type { ComputeQueue, ViewAddress, ViewComputer } from './compute-queue.js';

export type TeacherClient = OpenClient<typeof TeacherInferenceServiceDefinition>['client'];

/** Largest answer that is taken: 4,096 rows of 16,384 classes. */
const MAX_BYTES = 1 << 28;

/** How long a replica that was out of reach is not asked again. */
const AWAY_MS = 5000;

/** Which of `replicas` computes the views of an image: as good as at random, and the same for all who ask. */
export function ownerOf(index: number, replicas: number): number {
  const mixed = Math.imul(index ^ (index >>> 15), 0x85ebca6b);
  return replicas < 2 ? 0 : ((mixed ^ (mixed >>> 13)) >>> 0) % replicas;
}

/**
 * Has another replica compute its views, in batches as large as its own. While it is out of reach they are computed here: the
 * same bits, where the machines are alike.
 */
export function peerComputer(
  peer: TeacherClient,
  about: { readonly teacherDigest: string; readonly spec: BatchSpec; readonly precision: string },
  here: ComputeQueue,
  batch: number,
): ViewComputer {
  let awayUntil = 0;

  async function ask(views: readonly ViewAddress[]): Promise<Float32Array[]> {
    const wanted = { index: views.map(({ index }) => index), code: views.map(({ code }) => code) };
    const assembly = new Assembly(MAX_BYTES);
    let rows: Float32Array | undefined;
    for await (const { logits: bytes, totalBytes, offset } of peer.computeLogits({ ...about, views: wanted })) {
      const whole = assembly.add({ bytes, totalBytes, offset });
      if (whole) rows = float32Of(whole);
    }
    if (!rows) throw new Error('the other replica sent no logits');
    const classes = rows.length / views.length;
    return views.map((_, i) => (rows as Float32Array).subarray(i * classes, (i + 1) * classes));
  }

  function computeHere(views: readonly ViewAddress[]): Promise<Float32Array[]> {
    const rows = views.map((view) => here.request(view).row);
    for (const view of views) here.hurry(view);
    return Promise.all(rows);
  }

  return {
    batch,
    fetch: async () => {},
    async compute(views) {
      if (performance.now() < awayUntil) return computeHere(views);
      try {
        return await ask(views);
      } catch (error) {
        if (!isOutOfReach(error)) throw error;
        awayUntil = performance.now() + AWAY_MS;
        return computeHere(views);
      }
    },
  };
}
