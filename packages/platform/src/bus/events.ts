import type { RunId } from '../ids.js';
import type { Carrier } from '../telemetry.js';

/** What happens to a run. */
export type EventKind =
  | 'created'
  | 'started'
  | 'progress'
  | 'checkpoint'
  | 'trained'
  | 'evaluated'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'interrupted';

/** A CloudEvents 1.0 event in its JSON form; `subject` is the run, `type` is `mcld.run.<kind>`. */
export interface RunEvent {
  readonly specversion: '1.0';
  /** A retry of the same event has the same id. */
  readonly id: string;
  readonly source: string;
  readonly type: `mcld.run.${EventKind}`;
  readonly subject: RunId;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
}

export const kindOf = (event: RunEvent): EventKind => event.type.slice('mcld.run.'.length) as EventKind;

/** @param id what makes the event the same when it is sent again, unique within its run and kind */
export function runEvent(
  run: RunId,
  kind: EventKind,
  id: string,
  data: Readonly<Record<string, unknown>>,
  source: string,
): RunEvent {
  return {
    specversion: '1.0',
    id: `${run}.${kind}.${id}`,
    source: `mcld/${source}`,
    type: `mcld.run.${kind}`,
    subject: run,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}

/** A message to be acknowledged: not acknowledged, it comes again. */
export interface Delivery<T> {
  readonly body: T;
  /** Counts from 1. */
  readonly attempt: number;
  readonly context: Carrier;
  ack(): Promise<void>;
}

/** Work in hand. Its holder tells that it lives; otherwise another gets it. */
export interface WorkDelivery<T> extends Delivery<T> {
  working(): void;
  /** Gives it back, to be delivered again after a while. */
  release(delayMs: number): Promise<void>;
}

/** Thrown when events or work cannot be sent or received. */
export class BusError extends Error {
  override readonly name = 'BusError';
}

/** Events of runs: kept, delivered at least once. */
export interface EventBus {
  publish(event: RunEvent): Promise<void>;
  /** Every event since the beginning, then live, shared among all who use the same name. */
  consume(name: string, signal: AbortSignal): AsyncIterable<Delivery<RunEvent>>;
  /** One run's events since its beginning, as far as they are kept, and with `live` those to come. */
  watch(run: RunId, signal: AbortSignal, options: { readonly live: boolean }): AsyncIterable<RunEvent>;
}

export type WorkKind = 'train' | 'evaluate';

/** What a worker is asked to do. */
export interface WorkItem {
  readonly run: RunId;
  /** Of the checkpoint to evaluate. */
  readonly step?: number;
  /** The run's last evaluation: report and transfer too. */
  readonly final?: boolean;
}

/** Work for one worker each. */
export interface WorkQueue {
  /** The same id twice is one item. */
  enqueue(kind: WorkKind, item: WorkItem, id: string): Promise<void>;
  take(kind: WorkKind, signal: AbortSignal): AsyncIterable<WorkDelivery<WorkItem>>;
}
