import { messageOf } from '@mcld/errors/text.js';

import { type JsMsg, jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import type { RunId } from '../ids.js';
import { jsonText } from '../json.js';
import type { Logger } from '../logging.js';
import { type Carrier, carryContext } from '../telemetry.js';
import { fromCloudEvent, toCloudEvent } from './cloud-event.js';
import {
  BusError,
  type Delivery,
  type EventBus,
  type RunEvent,
  type WorkItem,
  type WorkKind,
  type WorkQueue,
  workItemSchema,
} from './events.js';
import { EVENTS_STREAM, sharedConsumer, WORK_STREAM } from './nats-connection.js';

/** Events and work on JetStream. */
export class NatsBus implements EventBus, WorkQueue {
  constructor(
    readonly connection: NatsConnection,
    readonly logger: Logger,
  ) {}

  async publish(event: RunEvent): Promise<void> {
    await this.#send(`mcld.events.${event.run}.${event.kind}`, toCloudEvent(event), event.id);
  }

  async enqueue(kind: WorkKind, item: WorkItem, id: string): Promise<void> {
    await this.#send(`mcld.work.${kind}`, item, `${kind}.${id}`);
  }

  async #send(subject: string, body: unknown, id: string): Promise<void> {
    const carried = headers();
    for (const [name, value] of Object.entries(carryContext())) carried.set(name, value);
    try {
      await jetstream(this.connection).publish(subject, jsonText(body), {
        msgID: id,
        headers: carried,
        retries: 5,
      });
    } catch (error) {
      throw new BusError(`NATS: cannot publish ${subject}: ${messageOf(error)}`, { cause: error });
    }
  }

  async *consume(name: string, signal: AbortSignal): AsyncIterable<Delivery<RunEvent>> {
    const consumer = await sharedConsumer(this.connection, EVENTS_STREAM, name, 'mcld.events.*.*', 1);
    for await (const message of drained(await consumer.consume({ max_messages: 1 }), signal)) {
      const event = this.#read(message, fromCloudEvent);
      if (event) yield this.#delivered(message, event);
      else message.term();
    }
  }

  async *watch(run: RunId, signal: AbortSignal, { live }: { readonly live: boolean }): AsyncIterable<RunEvent> {
    const consumer = await jetstream(this.connection).consumers.get(EVENTS_STREAM, {
      filter_subjects: `mcld.events.${run}.*`,
    });
    const { num_pending: pending } = await consumer.info();
    if (!live && pending === 0) return;
    for await (const message of drained(await consumer.consume(), signal)) {
      const event = this.#read(message, fromCloudEvent);
      if (event) yield event;
      if (!live && message.info.pending === 0) return;
    }
  }

  /** @returns undefined for a message that cannot be read, which is logged: it must not come again and again */
  #read<T>(message: JsMsg, parse: (value: unknown) => T): T | undefined {
    try {
      return parse(message.json());
    } catch (error) {
      const { subject, seq } = message;
      this.logger.error({ subject, seq, err: error }, 'passing over a message that cannot be read');
      return undefined;
    }
  }

  async *take(kind: WorkKind, signal: AbortSignal): AsyncIterable<Delivery<WorkItem>> {
    const consumer = await sharedConsumer(this.connection, WORK_STREAM, `mcld_${kind}`, `mcld.work.${kind}`, 1000);
    // One item at a time: what is not worked on here stays for another service.
    while (!signal.aborted) {
      const message = await consumer.next({ expires: 2000 });
      if (!message) continue;
      if (signal.aborted) {
        message.nak();
        return;
      }
      const item = this.#read(message, workItemSchema.parse);
      if (item) yield this.#delivered(message, item);
      else message.term();
    }
  }

  #delivered<T>(message: JsMsg, body: T): Delivery<T> {
    const context: Carrier = {};
    for (const [name, values] of message.headers ?? []) context[name] = values[0] ?? '';
    return {
      body,
      attempt: message.info.deliveryCount,
      context,
      working: () => message.working(),
      // Waits for the server's answer: an acknowledgement that got lost would bring the message back.
      ack: async () => {
        await message.ackAck();
      },
      release: async (delayMs) => {
        message.nak(delayMs);
        await this.connection.flush();
      },
    };
  }
}

async function* drained(
  messages: AsyncIterable<JsMsg> & { close(): Promise<unknown> },
  signal: AbortSignal,
): AsyncGenerator<JsMsg> {
  const stop = () => void messages.close();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    yield* messages;
  } finally {
    signal.removeEventListener('abort', stop);
    await messages.close();
  }
}
