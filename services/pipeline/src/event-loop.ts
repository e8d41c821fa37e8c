import type { Adapters } from '@mcld/platform/adapters.js';
import { type Delivery, type RunEvent, runEvent } from '@mcld/platform/bus/events.js';
import type { Logger } from '@mcld/platform/logging.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { changeRun } from '@mcld/platform/runs/run-store.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { applyEvent } from './run-reducer.js';

/** Folds events into run records and sends the work that follows from them. */
export class EventLoop {
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    readonly adapters: Adapters,
    readonly logger: Logger,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const delivery of this.adapters.events.consume('pipeline', this.#abort.signal)) {
      try {
        await this.#handle(delivery);
        await delivery.ack();
      } catch (error) {
        // Not acknowledged: it comes again.
        this.logger.error({ event: delivery.body.id, err: error }, 'cannot handle an event');
      }
    }
  }

  async #handle({ body: event, context }: Delivery<RunEvent>): Promise<void> {
    const { runs } = this.adapters;
    const record = await changeRun(runs, event.run, (found) => applyEvent(found, event));
    if (!record) return;
    if (event.kind === 'progress') return;
    await inSpan(`event ${event.kind}`, { run: record.id }, () => this.#follow(record, event), context);
  }

  async #follow(record: RunRecord, event: RunEvent): Promise<void> {
    const { work, events } = this.adapters;
    const run = record.id;
    switch (event.kind) {
      case 'checkpoint': {
        const { everyEpochs } = parseRecipe(record.recipe).evaluation;
        const { step, epoch } = event.data;
        const due = everyEpochs > 0 && Number.isInteger(epoch) && epoch % everyEpochs === 0;
        // The last checkpoint gets the final evaluation instead.
        if (due && step < record.totalSteps) await work.enqueue('evaluate', { run, step }, `${run}.${step}`);
        return;
      }
      case 'trained':
        if (record.state !== 'evaluating') return;
        return work.enqueue(
          'evaluate',
          { run, step: event.data.step, final: true },
          `${run}.final.${record.submissions}`,
        );
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
}
