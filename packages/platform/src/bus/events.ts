import { McldError } from '@mcld/errors/mcld-error.js';
import { z } from 'zod';
import { type RunId, runIdSchema } from '../ids.js';
import type { Carrier } from '../telemetry.js';
import type { EventBodyOf, EventData, EventKind } from './event-data.js';

/** An event of one kind. */
export interface EventOf<K extends EventKind> extends EventBodyOf<K> {
  readonly run: RunId;
  /** A retry of the same event has the same id. */
  readonly id: string;
  /** Who tells it: `mcld/student-trainer`. */
  readonly source: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Something that happened to a run: `event.kind` tells the type of `event.data`. */
export type RunEvent<K extends EventKind = EventKind> = { [P in K]: EventOf<P> }[K];

/** What `runEvent` takes, as a list: a helper with these arguments is typed by kind too. */
export type EventArguments = { [K in EventKind]: [kind: K, id: string, data: EventData[K]] }[EventKind];

/** @param id what makes the event the same when it is sent again, unique within its run and kind */
export function runEvent<K extends EventKind>(
  run: RunId,
  kind: K,
  id: string,
  data: EventData[K],
  source: string,
): RunEvent<K> {
  return { kind, run, id: `${run}.${kind}.${id}`, source: `mcld/${source}`, time: new Date().toISOString(), data };
}

/**
 * A message that was delivered and must be acknowledged, or else it comes again. Its holder says that it lives;
 * otherwise another gets it.
 */
export interface Delivery<T> {
  readonly body: T;
  /** Counts from 1. */
  readonly attempt: number;
  readonly context: Carrier;
  working(): void;
  ack(): Promise<void>;
  /** Gives it back, to be delivered again after a while. */
  release(delayMs: number): Promise<void>;
}

/** Thrown when events or work cannot be sent or received. */
export class BusError extends McldError {
  static override readonly meaning = { status: 'UNAVAILABLE', reason: 'EVENT_BUS' } as const;
}

/** Events of runs: kept, delivered at least once. */
export interface EventBus {
  publish(event: RunEvent): Promise<void>;
  /**
   * Every event since the beginning, then live, shared among all who use the same name. One that is given back is
   * delivered again before those after it.
   */
  consume(name: string, signal: AbortSignal): AsyncIterable<Delivery<RunEvent>>;
  /** One run's events since its beginning, as far as they are kept, and with `live` those to come. */
  watch(run: RunId, signal: AbortSignal, options: { readonly live: boolean }): AsyncIterable<RunEvent>;
}

export type WorkKind = 'train' | 'evaluate';

/** What a trainer or an evaluator is asked to do. */
export const workItemSchema = z.object({
  run: runIdSchema,
  /** Of the checkpoint to evaluate. */
  step: z.int().min(0).exactOptional(),
  /** The run's last evaluation: report and transfer too. */
  final: z.boolean().exactOptional(),
});

export type WorkItem = Readonly<z.output<typeof workItemSchema>>;

/** Items of work, each for one of the services that take it. */
export interface WorkQueue {
  /** Enqueueing the same id twice makes one item. */
  enqueue(kind: WorkKind, item: WorkItem, id: string): Promise<void>;
  take(kind: WorkKind, signal: AbortSignal): AsyncIterable<Delivery<WorkItem>>;
}
