import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Adapters } from './adapters.js';
import { LocalBus } from './bus/local-bus.js';
import { readConfig } from './config.js';
import { asRunId } from './ids.js';
import type { ServiceHost } from './service-host.js';
import { startService } from './service-main.js';
import { defaultRetryPolicy } from './work/retry-policy.js';

const bus = new LocalBus();
const host: ServiceHost = {
  config: readConfig({}),
  logger: pino({ level: 'silent' }),
  adapters: { events: bus, work: bus } as unknown as Adapters,
};

describe('a service', () => {
  it('drains in one order: its work, then its streams, then what it opened, the newest first', async () => {
    const log: string[] = [];
    const closing = (name: string) => ({ close: async () => void log.push(name) });
    let begun: () => void = () => {};
    const inHand = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const service = await startService(host, (scope) => {
      scope.own(closing('thread'));
      scope.own(closing('client'));
      scope.closing.addEventListener('abort', () => log.push('streams'));
      const untilStopped = (stopping: AbortSignal) =>
        new Promise<'done'>((resolve) => {
          begun();
          stopping.addEventListener('abort', () => {
            log.push('work');
            resolve('done');
          });
        });
      const work = {
        ...{ name: 'train', policy: defaultRetryPolicy, about: () => ({}) },
        take: (signal: AbortSignal) => bus.take('train', signal),
        begin: async () => ({ run: untilStopped }),
      };
      return { serves: [], works: [work] };
    });
    expect(service.address).toMatch(/^127\.0\.0\.1:\d+$/);
    await bus.enqueue('train', { run: asRunId('r') }, 'once');
    await inHand;
    await service.drain();
    expect(log).toEqual(['work', 'streams', 'client', 'thread']);
  });

  it('that cannot start closes what it had opened', async () => {
    const log: string[] = [];
    const started = startService(host, (scope) => {
      scope.own({ close: () => void log.push('thread') });
      throw new Error('no data folder');
    });
    await expect(started).rejects.toThrow('no data folder');
    expect(log).toEqual(['thread']);
  });

  it('closes the rest where one part cannot be closed, and says so', async () => {
    const log: string[] = [];
    const service = await startService(host, (scope) => {
      scope.own({ close: () => void log.push('thread') });
      scope.own({
        close: () => {
          throw new Error('the client hangs');
        },
      });
      return { serves: [] };
    });
    await expect(service.drain()).rejects.toThrow('the client hangs');
    expect(log).toEqual(['thread']);
  });
});
