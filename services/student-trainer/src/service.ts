import type { StudentTrainerServiceImplementation } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { AsyncQueue } from '@mcld/platform/bus/async-queue.js';
import type { RunStatusUpdate } from './trainer-parts.js';
import type { RunsInHand } from './training-job.js';

/** Hands the progress of runs and their waits to whoever streams them. */
export class StatusHub {
  readonly #listeners = new Set<AsyncQueue<RunStatusUpdate>>();

  publish(status: RunStatusUpdate): void {
    for (const queue of this.#listeners) queue.push(status);
  }

  async *listen(signal: AbortSignal): AsyncGenerator<RunStatusUpdate> {
    const queue = new AsyncQueue<RunStatusUpdate>(16);
    this.#listeners.add(queue);
    try {
      yield* queue.drain(signal);
    } finally {
      this.#listeners.delete(queue);
    }
  }
}

/** The trainer's gRPC handlers. @param inHand the runs in training here; closing aborted when the service stops */
export function studentTrainerService(
  inHand: RunsInHand,
  hub: StatusHub,
  closing: AbortSignal,
): StudentTrainerServiceImplementation {
  return {
    async getStatus() {
      return {
        runs: [...inHand].map((job) => ({ ...job.status, attempt: job.record.attempt })),
      };
    },
    async *streamProgress({ runId }, { signal }) {
      for await (const status of hub.listen(AbortSignal.any([signal, closing]))) {
        if (runId === '' || runId === status.runId) yield status;
      }
    },
  };
}
