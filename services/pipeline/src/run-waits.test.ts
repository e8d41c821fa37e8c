import type { EventData } from '@mcld/platform/bus/event-data.js';
import { type EventArguments, runEvent } from '@mcld/platform/bus/events.js';
import { asRunId } from '@mcld/platform/ids.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { describe, expect, it } from 'vitest';
import { applyEvent } from './run-reducer.js';

const id = asRunId('r');
const base: RunRecord = {
  ...{ id, name: 'r', requestId: 'q', state: 'training', recipe: {}, createdAt: '', updatedAt: '', step: 5 },
  ...{ totalSteps: 10, attempt: 2, submissions: 1, error: '', teacherDigest: '', trace: {} },
};
const since = '2026-01-01T00:00:00.000Z';
const batches = { service: 'data loader', what: 'batches', since, retries: 1, lastError: 'no connection' };

/** The record after some events, each applied twice as may happen. */
function after(record: RunRecord, ...events: EventArguments[]): RunRecord {
  let now = record;
  for (const [kind, eventId, data] of events) {
    const event = runEvent(id, kind, eventId, data, 'test');
    for (let i = 0; i < 2; i++) now = applyEvent(now, event) ?? now;
  }
  return now;
}

const waits = (changes: Partial<EventData['waiting']> = {}): EventArguments => [
  'waiting',
  'w',
  { ...batches, stage: 'training', step: 5, attempt: 2, ...changes },
];
const continued = (stage: 'training' | 'evaluation'): EventArguments => [
  'continued',
  'c',
  { stage, service: 'data loader', what: 'batches', waitedMs: 12_000, step: 5, attempt: 2 },
];

describe('a run’s waits', () => {
  it('are in its record until the stage goes on', () => {
    const waiting = after(base, waits());
    expect(waiting.waiting).toEqual([{ ...batches, stage: 'training' }]);
    expect(after(waiting, continued('training')).waiting).toEqual([]);
  });

  it('are one for each stage, the newest that was told', () => {
    const both = after(
      base,
      waits(),
      waits({ stage: 'evaluation', service: 'teacher', what: 'logits' }),
      waits({ retries: 4 }),
    );
    expect(both.waiting?.map(({ stage, service, retries }) => [stage, service, retries])).toEqual([
      ['evaluation', 'teacher', 1],
      ['training', 'data loader', 4],
    ]);
    expect(after(both, continued('training')).waiting).toMatchObject([{ stage: 'evaluation' }]);
  });

  it('of an older attempt, or from before what the record knows, are not this one’s', () => {
    expect(after(base, waits({ attempt: 1 }))).toBe(base);
    expect(after(base, waits({ step: 4 }))).toBe(base);
    // An evaluation is of a checkpoint that training has left behind.
    expect(after(base, waits({ step: 4, stage: 'evaluation' })).waiting).toHaveLength(1);
    expect(after({ ...base, state: 'cancelled' }, waits()).waiting).toBeUndefined();
  });

  it('end with the stage itself', () => {
    const waiting = after(base, waits());
    expect(after(waiting, ['trained', 't', { step: 10, attempt: 2 }])).toMatchObject({
      state: 'evaluating',
      waiting: [],
    });
    expect(after(waiting, ['failed', 'f', { error: 'x', attempt: 2 }])).toMatchObject({ state: 'failed', waiting: [] });
    expect(after(waiting, ['interrupted', 'i', { attempt: 2 }]).waiting).toEqual([]);
    const metrics = { count: 1, nonFinite: 0, top1: 1, top5: 1, crossEntropy: 0, ece: 0 };
    const evaluating = after({ ...base, state: 'evaluating' }, waits({ stage: 'evaluation' }));
    const done = after(evaluating, ['evaluated', 'e', { step: 10, metrics, transfer: [], final: true }]);
    expect(done).toMatchObject({ state: 'succeeded', waiting: [] });
  });

  it('are for the next attempt where one broke off', () => {
    const retry = { reason: 'the data loader is away', next: 3, most: 8, pauseMs: 4000 };
    const resting = after({ ...base, state: 'interrupted' }, ['interrupted', 'i', { attempt: 2, retry }]);
    expect(resting.waiting).toMatchObject([
      { stage: 'training', service: 'work queue', what: 'attempt 3 of 8', retries: 2, lastError: retry.reason },
    ]);
    // Until that one is open, it is all that is known.
    const claimed: RunRecord = { ...resting, state: 'training', attempt: 3 };
    expect(claimed.waiting).toHaveLength(1);
    const started = { attempt: 3, step: 5, totalSteps: 10 };
    expect(after(claimed, ['started', 's', started]).waiting).toEqual([]);
  });
});

it('the newest progress is kept with its time and what its steps wait for', () => {
  const figures = { imagesPerSecond: 640, learningRate: 0.1, losses: {}, runId: id, cursor: { epoch: 0, step: 6 } };
  const shares = { batchWaitShare: 0.2, teacherWaitShare: 0, computeWaitShare: 0.7 };
  const event = runEvent(id, 'progress', 'p', { ...figures, ...shares, step: 6, totalSteps: 10 }, 'test');
  expect(applyEvent(base, event)).toMatchObject({
    step: 6,
    progress: { time: event.time, imagesPerSecond: 640, waits: { batch: 0.2, teacher: 0, compute: 0.7 } },
  });
});
