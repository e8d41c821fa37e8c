import { type Transferable, Worker } from 'node:worker_threads';
import { McldError } from '@mcld/errors/mcld-error.js';
import { prepareEnvironment } from './backend.js';
import type { Handlers, Reply, Request } from './compute-worker.js';

type Call<H extends Handlers, K extends keyof H> = Parameters<H[K]> extends [infer A] ? A : undefined;

/** Thrown when a compute thread is gone. */
export class ComputeError extends McldError {
  static override readonly meaning = { status: 'INTERNAL', reason: 'COMPUTE' } as const;
}

/**
 * A worker thread that owns TensorFlow for one service, so that the main thread keeps answering
 * health checks and streams while a step runs. Calls are carried out one after another, in order. An error of a handler
 * arrives with its name, meaning and stack (`isOf` recognises its class).
 *
 * @example
 * const thread = new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), {});
 * const logits = await thread.call('forward', { pixels }, [pixels.buffer]);
 */
export class ComputeThread<H extends Handlers> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  #next = 0;
  #gone: Error | undefined;

  /**
   * @param module compiled module that ends in `serveCompute(handlers)`
   * @param data its `workerData`
   */
  constructor(module: URL, data: unknown) {
    prepareEnvironment();
    this.#worker = new Worker(module, { workerData: data });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) =>
      this.#fail(new ComputeError(`compute thread: ${error.message}`, { cause: error })),
    );
    this.#worker.on('exit', (code) => this.#fail(new ComputeError(`compute thread ended with code ${code}`)));
  }

  /** @param transfer buffers handed over without a copy; unusable here afterwards */
  call<K extends keyof H & string>(
    method: K,
    argument: Call<H, K>,
    transfer: readonly Transferable[] = [],
  ): Promise<Awaited<ReturnType<H[K]>>> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as never, reject });
      this.#worker.postMessage({ id, method, argument } satisfies Request, transfer as Transferable[]);
    });
  }

  /** Lets the calls already made finish, then ends the thread. */
  async close(): Promise<void> {
    if (this.#gone) return;
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#worker.postMessage('close');
    await ended;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.error) pending?.reject(McldError.fromData(reply.error));
    else pending?.resolve(reply.value as never);
  }

  #fail(error: Error): void {
    this.#gone ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#gone);
    this.#pending.clear();
  }
}
