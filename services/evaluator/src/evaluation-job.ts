import { randomUUID } from 'node:crypto';
import type { McldError } from '@mcld/errors/mcld-error.js';
import { clipped } from '@mcld/errors/text.js';
import { type EventArguments, runEvent, type WorkItem } from '@mcld/platform/bus/events.js';
import { failureText } from '@mcld/platform/grpc/remote-error.js';
import type { RunId } from '@mcld/platform/ids.js';
import { bestCheckpoint } from '@mcld/platform/runs/evaluations.js';
import { hasEnded, type RunRecord } from '@mcld/platform/runs/run-record.js';
import { runWaitWatch } from '@mcld/platform/waits/run-wait-watch.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { defaultRetryPolicy, type RetryPolicy } from '@mcld/platform/work/retry-policy.js';
import type { Job, Retry, Work } from '@mcld/platform/work/serve-work.js';
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
    const { adapters, logger, waitAfterMs: afterMs, diagnosis } = this.evaluator.parts;
    const record = (await adapters.runs.get(run))?.record;
    if (!record || hasEnded(record.state)) return 'done';
    const waits = runWaitWatch(
      { run, stage: 'evaluation', source: 'evaluator', step: () => step },
      { afterMs, logger: logger.child({ run, step }), diagnose: (name) => diagnosis.of(name, record.teacherDigest) },
      adapters.events,
    );
    const start = performance.now();
    try {
      if (final) await this.#final(record, step, waits);
      // Retention may have been faster.
      else if (await this.evaluator.has(run, step)) await this.#onTheWay(run, step, waits);
    } finally {
      await waits.settle();
    }
    logger.debug({ run, step, final, ms: Math.round(performance.now() - start) }, 'evaluated');
    return 'done';
  }

  async #final({ id: run, submissions }: RunRecord, step: number, waits: WaitWatch): Promise<void> {
    const { metrics, transfer, dataset, diverged } = await this.evaluator.report(run, step, waits);
    const error = diverged && `the student diverged: ${diverged}; ${await this.#whatIsLeft()}`;
    const passedOver = { test: dataset.passedOver?.test ?? [] };
    const data = { step, metrics, transfer, final: true as const, passedOver, ...(error && { error }) };
    await waits.settle();
    await this.#publish('evaluated', `final.${submissions}`, data);
  }

  async #onTheWay(run: RunId, step: number, waits: WaitWatch): Promise<void> {
    const { metrics } = await this.evaluator.evaluate(run, step, waits);
    await waits.settle();
    await this.#publish('evaluated', String(step), { step, metrics, final: false });
  }

  /** What the run waits for until the next attempt. */
  async willRetry({ error, next, most }: Retry): Promise<void> {
    const { step = 0 } = this.item;
    const since = new Date().toISOString();
    const rest = { service: 'work queue', what: `attempt ${next} of ${most}`, since, retries: next - 1 };
    const data = { ...rest, stage: 'evaluation' as const, step, lastError: clipped(failureText(error)) };
    await this.#publish('waiting', `evaluation.${since}`, data);
  }

  /** A curve may lack a point; a run without its final report has failed. */
  async gaveUp(error: McldError): Promise<void> {
    const { run, final = false } = this.item;
    if (!final) return;
    const attempt = (await this.evaluator.parts.adapters.runs.get(run))?.record.attempt;
    const data = { error: failureText(error), ...(attempt !== undefined && { attempt }) };
    await this.#publish('failed', `evaluation.${randomUUID()}`, data);
  }

  #publish(...[kind, id, data]: EventArguments): Promise<void> {
    return this.evaluator.parts.adapters.events.publish(runEvent(this.item.run, kind, id, data, 'evaluator'));
  }

  /** The checkpoint that a diverged run is left with. */
  async #whatIsLeft(): Promise<string> {
    const best = await bestCheckpoint(this.evaluator.parts.adapters.objects, this.item.run);
    return best === undefined ? 'it has no better checkpoint' : `its best whole checkpoint is of step ${best}`;
  }
}
