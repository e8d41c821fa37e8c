import { randomUUID } from 'node:crypto';
import { McldError } from '@mcld/errors/mcld-error.js';
import type { WorkDelivery, WorkItem } from '@mcld/platform/bus/events.js';
import { runEvent } from '@mcld/platform/bus/events.js';
import type { RunId } from '@mcld/platform/ids.js';
import { bestCheckpoint } from '@mcld/platform/runs/evaluations.js';
import { hasEnded } from '@mcld/platform/runs/run-record.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import type { RunEvaluator } from './run-evaluator.js';

const HEARTBEAT_MS = 5000;
const MAX_ATTEMPTS = 5;

/** Takes evaluations from the work queue, one at a time. */
export class WorkLoop {
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(readonly evaluator: RunEvaluator) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { adapters, logger } = this.evaluator.parts;
    for await (const delivery of adapters.work.take('evaluate', this.#abort.signal)) {
      const { run, step = 0, final = false } = delivery.body;
      const heartbeat = setInterval(() => delivery.working(), HEARTBEAT_MS);
      try {
        await inSpan('evaluate', { run, step }, () => this.#evaluate(delivery), delivery.context);
        await delivery.ack();
      } catch (error) {
        logger.error({ run, step, err: error }, 'evaluation failed');
        if (delivery.attempt < MAX_ATTEMPTS && McldError.from(error).retryable)
          await delivery.release(2000).catch(() => {});
        else await this.#giveUp(delivery, final, error as Error);
      } finally {
        clearInterval(heartbeat);
      }
    }
  }

  async #evaluate({ body: { run, step = 0, final = false } }: WorkDelivery<WorkItem>): Promise<void> {
    const { adapters } = this.evaluator.parts;
    const record = (await adapters.runs.get(run))?.record;
    if (!record || hasEnded(record.state)) return;
    if (final) {
      const { metrics, transfer, dataset, diverged } = await this.evaluator.report(run, step);
      const error = diverged && `the student diverged: ${diverged}; ${await whatIsLeft(adapters.objects, run)}`;
      const passedOver = { test: dataset.passedOver?.test ?? [] };
      const data = { step, metrics, transfer, final: true, passedOver, ...(error && { error }) };
      await adapters.events.publish(runEvent(run, 'evaluated', `final.${record.submissions}`, data, 'evaluator'));
    } else if (await this.evaluator.has(run, step)) {
      const { metrics } = await this.evaluator.evaluate(run, step);
      await adapters.events.publish(
        runEvent(run, 'evaluated', String(step), { step, metrics, final: false }, 'evaluator'),
      );
    }
  }

  async #giveUp(delivery: WorkDelivery<WorkItem>, final: boolean, error: Error): Promise<void> {
    const { events, runs } = this.evaluator.parts.adapters;
    const { run } = delivery.body;
    // A curve may lack a point; a run without its final report has failed.
    if (final) {
      const attempt = (await runs.get(run))?.record.attempt;
      const data = { error: error.message, ...(attempt !== undefined && { attempt }) };
      await events.publish(runEvent(run, 'failed', `evaluation.${randomUUID()}`, data, 'evaluator'));
    }
    await delivery.ack();
  }
}

/** The checkpoint that a diverged run is left with. */
async function whatIsLeft(objects: ObjectStore, run: RunId): Promise<string> {
  const best = await bestCheckpoint(objects, run);
  return best === undefined ? 'it has no better checkpoint' : `its best whole checkpoint is of step ${best}`;
}
