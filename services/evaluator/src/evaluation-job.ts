import { randomUUID } from 'node:crypto';
import type { McldError } from '@mcld/errors/mcld-error.js';
import { runEvent, type WorkItem } from '@mcld/platform/bus/events.js';
import type { RunId } from '@mcld/platform/ids.js';
import { bestCheckpoint } from '@mcld/platform/runs/evaluations.js';
import { hasEnded, type RunRecord } from '@mcld/platform/runs/run-record.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { defaultRetryPolicy, type RetryPolicy } from '@mcld/platform/work/retry-policy.js';
import type { Job, Work } from '@mcld/platform/work/serve-work.js';
import type { RunEvaluator } from './run-evaluator.js';

/** An evaluation takes seconds and loses little when it is repeated: short rests. */
const evaluationRetries: RetryPolicy = { ...defaultRetryPolicy, maxAttempts: 5, firstPauseMs: 2000, factor: 1 };

/** Evaluations from the work queue. */
export function evaluationWork(evaluator: RunEvaluator): Work<WorkItem> {
  const { work } = evaluator.parts.adapters;
  return {
    name: 'evaluate',
    policy: evaluationRetries,
    take: (signal) => work.take('evaluate', signal),
    about: ({ run, step = 0 }) => ({ run, step }),
    begin: async (item) => new EvaluationJob(evaluator, item),
  };
}

class EvaluationJob implements Job {
  constructor(
    readonly evaluator: RunEvaluator,
    readonly item: WorkItem,
  ) {}

  async run(): Promise<'done'> {
    const { run, step = 0, final = false } = this.item;
    const record = (await this.evaluator.parts.adapters.runs.get(run))?.record;
    if (!record || hasEnded(record.state)) return 'done';
    if (final) await this.#final(record, step);
    // Retention may have been faster.
    else if (await this.evaluator.has(run, step)) await this.#onTheWay(run, step);
    return 'done';
  }

  async #final({ id: run, submissions }: RunRecord, step: number): Promise<void> {
    const { adapters } = this.evaluator.parts;
    const { metrics, transfer, dataset, diverged } = await this.evaluator.report(run, step);
    const error = diverged && `the student diverged: ${diverged}; ${await whatIsLeft(adapters.objects, run)}`;
    const passedOver = { test: dataset.passedOver?.test ?? [] };
    const data = { step, metrics, transfer, final: true as const, passedOver, ...(error && { error }) };
    await adapters.events.publish(runEvent(run, 'evaluated', `final.${submissions}`, data, 'evaluator'));
  }

  async #onTheWay(run: RunId, step: number): Promise<void> {
    const { metrics } = await this.evaluator.evaluate(run, step);
    const data = { step, metrics, final: false as const };
    await this.evaluator.parts.adapters.events.publish(runEvent(run, 'evaluated', String(step), data, 'evaluator'));
  }

  /** A curve may lack a point; a run without its final report has failed. */
  async gaveUp(error: McldError): Promise<void> {
    const { run, final = false } = this.item;
    if (!final) return;
    const { events, runs } = this.evaluator.parts.adapters;
    const attempt = (await runs.get(run))?.record.attempt;
    const data = { error: error.message, ...(attempt !== undefined && { attempt }) };
    await events.publish(runEvent(run, 'failed', `evaluation.${randomUUID()}`, data, 'evaluator'));
  }
}

/** The checkpoint that a diverged run is left with. */
async function whatIsLeft(objects: ObjectStore, run: RunId): Promise<string> {
  const best = await bestCheckpoint(objects, run);
  return best === undefined ? 'it has no better checkpoint' : `its best whole checkpoint is of step ${best}`;
}
