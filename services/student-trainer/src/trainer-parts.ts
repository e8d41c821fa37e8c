import type { TrainingProgress } from '@mcld/contracts/mcld/v1/student_trainer.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { CheckpointMetrics } from '@mcld/platform/runs/best-checkpoint.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from './worker.js';

/** What a trainer works with, whatever the run. */
export interface TrainerParts {
  readonly adapters: Adapters<Recipe>;
  readonly logger: Logger;
  readonly thread: ComputeThread<typeof handlers>;
  readonly loader: LoaderClient;
  readonly teacher: TeacherClient;
  /** By which the best checkpoint is known, which stays. */
  readonly metrics: CheckpointMetrics;
  /** Told of progress, for streams. */
  onProgress(progress: TrainingProgress): void;
}
