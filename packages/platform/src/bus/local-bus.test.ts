import { describe, expect, it } from 'vitest';
import { asRunId } from '../ids.js';
import { type Delivery, runEvent, type WorkItem } from './events.js';
import { LocalBus } from './local-bus.js';

const run = asRunId('r');

function progress(step: number) {
  const figures = {
    imagesPerSecond: 0,
    learningRate: 0.1,
    losses: {},
    batchWaitShare: 0,
    teacherWaitShare: 0,
    computeWaitShare: 0,
  };
  const data = { runId: run, cursor: { epoch: 0, step }, step, totalSteps: 2000, ...figures };
  return runEvent(run, 'progress', String(step), data, 'test');
}

describe('LocalBus', () => {
  it('delivers a repeated event once, with its history to late watchers', async () => {
    const bus = new LocalBus();
    const created = runEvent(run, 'created', 'once', { name: 'r', recipe: {} }, 'test');
    await bus.publish(created);
    await bus.publish(created);
    await bus.publish(progress(1));
    const kinds: string[] = [];
    for await (const event of bus.watch(run, AbortSignal.timeout(5000), { live: false })) kinds.push(event.kind);
    expect(kinds).toEqual(['created', 'progress']);
  });

  it('bounds the progress that it keeps, and nothing else', async () => {
    const bus = new LocalBus();
    await bus.publish(runEvent(run, 'created', 'once', { name: 'r', recipe: {} }, 'test'));
    for (let i = 0; i < 1500; i++) await bus.publish(progress(i));
    let count = 0;
    let created = false;
    for await (const { kind } of bus.watch(run, AbortSignal.timeout(5000), { live: false })) {
      count++;
      created ||= kind === 'created';
    }
    expect(count).toBe(1000);
    expect(created).toBe(true);
  });

  it('gives work to one taker, again after a release, and drops a second enqueueing', async () => {
    const bus = new LocalBus();
    await bus.enqueue('train', { run }, 'id');
    await bus.enqueue('train', { run }, 'id');
    const stop = new AbortController();
    const taken: Delivery<WorkItem>[] = [];
    for await (const delivery of bus.take('train', stop.signal)) {
      taken.push(delivery);
      if (taken.length === 2) stop.abort();
      else await delivery.release(1);
    }
    expect(taken.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('delivers an event that is given back again, before those after it', async () => {
    const bus = new LocalBus();
    const stop = new AbortController();
    const delivered: string[] = [];
    const consuming = (async () => {
      for await (const { body, attempt, ack, release } of bus.consume('pipeline', stop.signal)) {
        delivered.push(`${body.kind} ${attempt}`);
        if (body.kind === 'created' && attempt < 3) await release(1);
        else await ack();
        if (body.kind === 'cancelled') stop.abort();
      }
    })();
    await bus.publish(runEvent(run, 'created', 'once', { name: 'r', recipe: {} }, 'test'));
    await bus.publish(runEvent(run, 'cancelled', 'once', {}, 'test'));
    await consuming;
    expect(delivered).toEqual(['created 1', 'created 2', 'created 3', 'cancelled 1']);
  });
});
