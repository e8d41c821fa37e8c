import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { BOTH_SERVICES } from '@mcld/feeds/diagnosis.js';
import { logRetries } from '@mcld/feeds/log-retries.js';
import { callWatched } from '@mcld/feeds/watched.js';
import { retrying } from '@mcld/platform/grpc/retrying.js';
import { newestCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { historyOf } from '@mcld/platform/runs/history.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
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
 * @param waits are told of what does not come
 * @param stopping ends it with an error
 * @throws RefusedError where what it will need is not there or does not fit
 * @throws RemoteError where a service does not answer
 */
export async function openRun(
  parts: TrainerParts,
  record: RunRecord<Recipe>,
  waits: WaitWatch,
  stopping: AbortSignal,
): Promise<OpenRun> {
  const { adapters, thread, logger } = parts;
  const { id: run, teacherDigest, recipe } = record;
  const described = await checkedData(parts, record, waits, stopping);
  const checkpoint = await waits.during({ service: 'object store', what: 'the newest checkpoint' }, () =>
    newestCheckpoint(adapters.objects, run, (error) =>
      logger.error({ err: error }, 'falling back to the checkpoint before'),
    ),
  );
  const plan = new RunPlan(recipe, described.count);
  const student = await waits.during({ service: 'compute thread', what: 'the student' }, () =>
    Student.begin(thread, recipe, plan, described, checkpoint),
  );
  const from = checkpoint?.manifest.cursor;
  const onRetry = logRetries(logger);
  const feeds = new RunFeeds(parts, { recipe, plan, teacherDigest, from }, waits, { onRetry });
  return {
    ...{ recipe, plan, feeds, student },
    step: checkpoint?.manifest.step ?? 0,
    checkpoint: checkpoint?.manifest.step,
    history: checkpoint ? TrainingHistory.from(historyOf(run, checkpoint)) : TrainingHistory.empty(),
    passedOver: described.passedOver,
    close: async () => {
      await feeds.close();
      await student.close();
    },
  };
}

/** Tries all that the run will need. @returns the data to train on */
function checkedData(
  { loader, teacher, logger }: TrainerParts,
  { recipe, teacherDigest }: RunRecord<Recipe>,
  waits: WaitWatch,
  stopping: AbortSignal,
): Promise<DescribeDatasetResponse> {
  const service = teacherDigest ? BOTH_SERVICES : 'data loader';
  const check = () => preflight(recipe, teacherDigest, { loader, teacher }, stopping);
  return callWatched({ service, what: 'checks of what the run needs' }, (options) => retrying(check, options), {
    ...{ waits, logger, signal: stopping },
  });
}
