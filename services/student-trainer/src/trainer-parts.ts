import type { TrainingProgress } from '@mcld/contracts/mcld/v1/student_trainer.js';
import type { Waiting } from '@mcld/contracts/mcld/v1/waiting.js';
import type { LoaderClient, TeacherClient } from '@mcld/feeds/clients.js';
import type { FeedDiagnosis } from '@mcld/feeds/diagnosis.js';
import type { Adapters } from '@mcld/platform/adapters.js';
import type { RunId } from '@mcld/platform/ids.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { CheckpointMetrics } from '@mcld/platform/runs/best-checkpoint.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from './worker.js';

/** How far a run is, and what it waits for. */
export interface RunStatusUpdate {
  readonly runId: RunId;
  /** Absent until the run is open. */
  readonly progress?: TrainingProgress;
  readonly waiting: Waiting[];
}

/** What a trainer works with, whatever the run. */
export interface TrainerParts {
  readonly adapters: Adapters<Recipe>;
  readonly logger: Logger;
  readonly thread: ComputeThread<typeof handlers>;
  readonly loader: LoaderClient;
  readonly teacher: TeacherClient;
  /** By which the best checkpoint is known, which stays. */
  readonly metrics: CheckpointMetrics;
  /** How long a wait may last before it is told of, in ms. */
  readonly waitAfterMs: number;
  readonly diagnosis: Pick<FeedDiagnosis, 'of'>;
  /** Told of progress and waits, for streams. */
  onStatus(status: RunStatusUpdate): void;
}
