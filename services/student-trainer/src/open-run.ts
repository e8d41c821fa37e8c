import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { historyOf } from '@mcld/platform/runs/history.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { preflight } from '@mcld/preflight/preflight.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { TrainingHistory } from './history.js';
import { RunFeeds } from './run-feeds.js';
import { RunPlan } from './run-plan.js';
import { Student } from './student.js';
import type { TrainerParts } from './trainer-parts.js';

/** A run as an attempt finds it, with what it is trained with. */
export interface OpenRun {
  readonly recipe: Recipe;
  readonly plan: RunPlan;
  /** Steps done: where this attempt begins. */
  readonly step: number;
  /** Step of the newest whole checkpoint. */
  readonly checkpoint: number | undefined;
  readonly history: TrainingHistory;
  readonly feeds: RunFeeds;
  readonly student: Student;
  /** What of the training data is not used. */
  readonly passedOver: DescribeDatasetResponse['passedOver'];
  close(): Promise<void>;
}

/**
 * Opens a run at its newest whole checkpoint, or at its beginning.
 * @throws RefusedError where what it will need is not there or does not fit, RemoteError where a service does not answer
 */
export async function openRun(parts: TrainerParts, record: RunRecord<Recipe>): Promise<OpenRun> {
  const { adapters, loader, teacher, thread, logger } = parts;
  const { id: run, teacherDigest, recipe } = record;
  const over = new AbortController();
  const described = await retrying(() => preflight(recipe, teacherDigest, { loader, teacher }, over.signal), {
    signal: over.signal,
  });
  const checkpoint = await newestCheckpoint(adapters.objects, run, (error) =>
    logger.error({ run, err: error }, 'falling back to the checkpoint before'),
  );
  const plan = new RunPlan(recipe, described.count);
  const student = await Student.begin(thread, recipe, plan, described, checkpoint);
  const feeds = new RunFeeds(parts, recipe, plan, teacherDigest, checkpoint?.manifest.cursor, {
    onRetry: logRetries(logger, { run }),
  });
  return {
    ...{ recipe, plan, feeds, student },
    step: checkpoint?.manifest.step ?? 0,
    checkpoint: checkpoint?.manifest.step,
    history: checkpoint ? TrainingHistory.from(historyOf(run, checkpoint)) : TrainingHistory.empty(),
    passedOver: described.passedOver,
    close: async () => {
      over.abort();
      await feeds.close();
      await student.close();
    },
  };
}
