import { parentPort, type Transferable } from 'node:worker_threads';
import { type ErrorData, McldError } from '@mcld/errors/mcld-error.js';

export interface Request {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: ErrorData;
}

// Any argument and result: each worker module gives the exact types.
// biome-ignore lint/suspicious/noExplicitAny: a bound on function types, never a value's type
export type Handlers = Record<string, (argument: any) => unknown>;

/**
 * The worker's half of `ComputeThread`: answers each call in order. A worker is always a thread of this kind; what
 * takes work off a queue is a service. Buffers of the typed arrays in a result's top level are transferred, not copied;
 * a handler must not keep what it returns.
 */
export function serveCompute(handlers: Handlers): void {
  const port = parentPort;
  if (!port) throw new Error('serveCompute runs in a worker thread only');
  let last: Promise<void> = Promise.resolve();
  port.on('message', (message: Request | 'close') => {
    last = last.then(async () => {
      if (message === 'close') {
        port.close();
        return;
      }
      const reply = await answer(handlers, message);
      port.postMessage(reply, transferables(reply.value));
    });
  });
}

async function answer(handlers: Handlers, { id, method, argument }: Request): Promise<Reply> {
  try {
    const handler = handlers[method];
    if (!handler) throw new Error(`no handler '${method}'`);
    return { id, value: await handler(argument) };
  } catch (error) {
    return { id, error: McldError.from(error).toData() };
  }
}

function transferables(value: unknown): Transferable[] {
  if (typeof value !== 'object' || value === null) return [];
  const values = ArrayBuffer.isView(value) ? [value] : Object.values(value);
  const buffers = values.flatMap((v) =>
    ArrayBuffer.isView(v) && v.buffer instanceof ArrayBuffer && v.byteLength === v.buffer.byteLength ? [v.buffer] : [],
  );
  return [...new Set(buffers)];
}
