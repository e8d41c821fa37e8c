import type { RunId } from '../ids.js';
import { type Carrier, carryContext } from '../telemetry.js';
import { rest } from '../work/retry-policy.js';
import { AsyncQueue } from './async-queue.js';
import type { Delivery, EventBus, RunEvent, WorkItem, WorkKind, WorkQueue } from './events.js';

/** Progress events kept per run for late watchers; other kinds are few, and all are kept. */
const KEPT_PROGRESS = 1000;

interface Listener {
  readonly run?: RunId;
  readonly queue: AsyncQueue<{ readonly event: RunEvent; readonly context: Carrier }>;
}

/** Events and work inside one process, gone with it: run records and checkpoints are what lasts. */
export class LocalBus implements EventBus, WorkQueue {
  readonly #history = new Map<RunId, RunEvent[]>();
  readonly #seen = new Set<string>();
  readonly #listeners = new Set<Listener>();
  readonly #work = new Map<WorkKind, AsyncQueue<{ item: WorkItem; attempt: number; context: Carrier }>>();
  readonly #queued = new Set<string>();

  async publish(event: RunEvent): Promise<void> {
    if (this.#seen.has(event.id)) return;
    if (event.kind !== 'progress') this.#seen.add(event.id);
    const history = this.#history.get(event.run) ?? [];
    this.#history.set(event.run, history);
    history.push(event);
    if (history.length > KEPT_PROGRESS) {
      const oldest = history.findIndex(({ kind }) => kind === 'progress');
      if (oldest >= 0) history.splice(oldest, 1);
    }
    const context = carryContext();
    for (const { run, queue } of this.#listeners) {
      if (run === undefined || run === event.run) queue.push({ event, context });
    }
  }

  async *consume(_name: string, signal: AbortSignal): AsyncIterable<Delivery<RunEvent>> {
    for await (const { event, context } of this.#listen({ queue: new AsyncQueue() }, signal)) {
      yield* untilSettled(event, context, signal);
    }
  }

  async *watch(run: RunId, signal: AbortSignal, { live }: { readonly live: boolean }): AsyncIterable<RunEvent> {
    const history = this.#history.get(run) ?? [];
    if (!live) {
      yield* [...history];
      return;
    }
    const listener = { run, queue: new AsyncQueue<{ event: RunEvent; context: Carrier }>() };
    for (const event of history) listener.queue.push({ event, context: {} });
    for await (const { event } of this.#listen(listener, signal)) yield event;
  }

  async *#listen(listener: Listener, signal: AbortSignal) {
    this.#listeners.add(listener);
    try {
      yield* listener.queue.drain(signal);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async enqueue(kind: WorkKind, item: WorkItem, id: string): Promise<void> {
    if (this.#queued.has(`${kind} ${id}`)) return;
    this.#queued.add(`${kind} ${id}`);
    this.#queue(kind).push({ item, attempt: 1, context: carryContext() });
  }

  async *take(kind: WorkKind, signal: AbortSignal): AsyncIterable<Delivery<WorkItem>> {
    const queue = this.#queue(kind);
    for await (const { item, attempt, context } of queue.drain(signal)) {
      yield {
        body: item,
        attempt,
        context,
        working: () => {},
        ack: async () => {},
        release: async (delayMs) => {
          setTimeout(() => {
            if (!signal.aborted) queue.push({ item, attempt: attempt + 1, context });
          }, delayMs).unref();
        },
      };
    }
  }

  #queue(kind: WorkKind) {
    const queue = this.#work.get(kind) ?? new AsyncQueue();
    this.#work.set(kind, queue);
    return queue;
  }
}

/** Delivers an event, and again for as long as it is given back. */
async function* untilSettled(
  event: RunEvent,
  context: Carrier,
  signal: AbortSignal,
): AsyncGenerator<Delivery<RunEvent>> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    let pauseMs: number | undefined;
    const release = async (delayMs: number) => {
      pauseMs = delayMs;
    };
    yield { body: event, attempt, context, working: () => {}, ack: async () => {}, release };
    if (pauseMs === undefined) return;
    await rest(pauseMs, signal);
  }
}
