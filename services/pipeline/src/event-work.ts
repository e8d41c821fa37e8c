import type { Adapters } from '@mcld/platform/adapters.js';
import { type RunEvent, runEvent } from '@mcld/platform/bus/events.js';
import { DocumentError } from '@mcld/platform/documents.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { changeRun, type RunStore } from '@mcld/platform/runs/run-store.js';
import { defaultRetryPolicy, type RetryPolicy } from '@mcld/platform/work/retry-policy.js';
import type { Work } from '@mcld/platform/work/serve-work.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { applyEvent } from './run-reducer.js';

/**
 * Events follow one another, so one that cannot be handled holds up those after it: as long as it takes where the
 * reason may pass, two minutes where it is not known to.
 */
const eventRetries: RetryPolicy = {
  ...defaultRetryPolicy,
  maxAttempts: Number.POSITIVE_INFINITY,
  maxAttemptsOtherwise: 8,
  firstPauseMs: 1000,
};

/** Events of runs: folded into their records, and followed by the work that they ask for. */
export function eventWork(adapters: Adapters<Recipe>, logger: Logger): Work<RunEvent> {
  return {
    name: 'event',
    policy: eventRetries,
    take: (signal) => adapters.events.consume('pipeline', signal),
    about: ({ run, id }) => ({ run, event: id }),
    spanOf: ({ kind }) => (kind === 'progress' ? undefined : `event ${kind}`),
    begin: async (event) => ({
      async run() {
        const record = await changed(adapters.runs, event, logger);
        const { run, kind, id } = event;
        if (kind !== 'progress') logger.debug({ run, kind, event: id, state: record?.state }, 'event folded');
        if (record) await follow(adapters, record, event);
        return 'done';
      },
    }),
  };
}

/** @returns undefined where there is no readable record, which must not hold up other runs' events */
async function changed(
  runs: RunStore<Recipe>,
  event: RunEvent,
  logger: Logger,
): Promise<RunRecord<Recipe> | undefined> {
  try {
    return await changeRun(runs, event.run, (record) => applyEvent(record, event));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    logger.error({ run: event.run, event: event.id, err: error }, 'passing over an event');
    return undefined;
  }
}

async function follow({ work, events }: Adapters, record: RunRecord<Recipe>, event: RunEvent): Promise<void> {
  const run = record.id;
  switch (event.kind) {
    case 'checkpoint': {
      const { everyEpochs } = record.recipe.evaluation;
      const { step, epoch } = event.data;
      const due = everyEpochs > 0 && Number.isInteger(epoch) && epoch % everyEpochs === 0;
      // The last checkpoint gets the final evaluation instead.
      if (due && step < record.totalSteps) await work.enqueue('evaluate', { run, step }, `${run}.${step}`);
      return;
    }
    case 'trained': {
      if (record.state !== 'evaluating') return;
      const item = { run, step: event.data.step, final: true };
      return work.enqueue('evaluate', item, `${run}.final.${record.submissions}`);
    }
    case 'evaluated': {
      if (!event.data.final) return;
      const metrics = record.metrics ?? null;
      if (record.state === 'succeeded') {
        return events.publish(runEvent(run, 'succeeded', 'once', { step: event.data.step, metrics }, 'pipeline'));
      }
      if (record.state !== 'failed') return;
      const { error, submissions } = record;
      return events.publish(runEvent(run, 'failed', `final.${submissions}`, { error, metrics }, 'pipeline'));
    }
    default:
      return;
  }
}
