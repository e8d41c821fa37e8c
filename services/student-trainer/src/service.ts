import type { StudentTrainerServiceImplementation, TrainingProgress } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { AsyncQueue } from '@mcld/platform/bus/async-queue.js';
import type { RunsInHand } from './training-job.js';

/** Hands progress to whoever streams it. */
export class ProgressHub {
  readonly #listeners = new Set<AsyncQueue<TrainingProgress>>();

  publish(progress: TrainingProgress): void {
    for (const queue of this.#listeners) queue.push(progress);
  }

  async *listen(signal: AbortSignal): AsyncGenerator<TrainingProgress> {
    const queue = new AsyncQueue<TrainingProgress>(16);
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
  hub: ProgressHub,
  closing: AbortSignal,
): StudentTrainerServiceImplementation {
  return {
    async getStatus() {
      return {
        runs: [...inHand].map(({ record: { id, attempt }, progress }) => ({
          runId: id,
          attempt,
          ...(progress && { progress }),
        })),
      };
    },
    async *streamProgress({ runId }, { signal }) {
      for await (const progress of hub.listen(AbortSignal.any([signal, closing]))) {
        if (runId === '' || runId === progress.runId) yield { progress };
      }
    },
  };
}
