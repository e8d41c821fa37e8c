import type { EventData, EventKind } from '@mcld/platform/bus/event-data.js';
import { runEvent } from '@mcld/platform/bus/events.js';
import { asRunId } from '@mcld/platform/ids.js';
import type { MetricsRecord } from '@mcld/platform/runs/metrics.js';
import type { RunRecord, RunState } from '@mcld/platform/runs/run-record.js';
import { describe, expect, it } from 'vitest';
import { applyEvent } from './run-reducer.js';

const id = asRunId('r');
const record = (state: RunState, step = 0): RunRecord => ({
  id,
  name: 'r',
  requestId: 'q',
  state,
  recipe: {},
  createdAt: '',
  updatedAt: '',
  step,
  totalSteps: 10,
  attempt: 1,
  submissions: 1,
  error: '',
  teacherDigest: '',
  trace: {},
});
const event = <K extends EventKind>(kind: K, data: EventData[K]) => runEvent(id, kind, 'x', data, 'test');
const metrics = { count: 1, nonFinite: 0, top1: 1, top5: 1, crossEntropy: 0, ece: 0 };
const diverged = { count: 2, nonFinite: 1, top1: 0.5, top5: 0.5, crossEntropy: 'NaN', ece: 'NaN' } as const;
const step = 10;
const progress = (done: number) =>
  event('progress', {
    ...{ runId: id, cursor: { epoch: 0, step: done }, step: done, totalSteps: step },
    ...{
      imagesPerSecond: 0,
      learningRate: 0.1,
      losses: {},
      batchWaitShare: 0,
      teacherWaitShare: 0,
      computeWaitShare: 0,
    },
  });
const finalOf = (measured: MetricsRecord) => ({ step, metrics: measured, transfer: [], final: true }) as const;

describe('applyEvent', () => {
  it('leads from training over evaluation to success', () => {
    expect(applyEvent(record('training'), progress(3))?.step).toBe(3);
    const evaluating = applyEvent(record('training', 9), event('trained', { step, attempt: 1 }));
    expect(evaluating?.state).toBe('evaluating');
    const done = applyEvent(record('evaluating', 10), event('evaluated', finalOf(metrics)));
    expect([done?.state, done?.metrics]).toEqual(['succeeded', metrics]);
  });

  it('ignores what comes late or twice', () => {
    expect(applyEvent(record('training', 5), progress(3))).toBeUndefined();
    const trained = event('trained', { step, attempt: 1 });
    const late = [
      progress(99),
      trained,
      event('evaluated', finalOf(metrics)),
      event('failed', { error: 'x', attempt: 1 }),
    ];
    for (const state of ['succeeded', 'failed', 'cancelled'] as const) {
      for (const one of late) expect(applyEvent(record(state), one)).toBeUndefined();
    }
    expect(applyEvent(record('evaluating'), trained)).toBeUndefined();
  });

  it('does not take an older attempt’s ending for the present one’s', () => {
    for (const ending of [event('failed', { error: 'x', attempt: 1 }), event('trained', { step, attempt: 1 })]) {
      expect(applyEvent({ ...record('training'), attempt: 2 }, ending)).toBeUndefined();
      expect(applyEvent(record('queued'), ending)).toBeUndefined();
    }
  });

  it('does not let a diverged student succeed, and keeps what was measured', () => {
    const error = 'the student diverged: 1 of 2 test images';
    const found = applyEvent(record('evaluating', 10), event('evaluated', { ...finalOf(diverged), error }));
    expect(found).toMatchObject({ state: 'failed', error, metrics: diverged });
    const halfway = applyEvent(record('training', 5), event('evaluated', { step: 5, final: false, metrics: diverged }));
    expect(halfway).toMatchObject({ state: 'training', metrics: diverged });
  });

  it('takes no figure of an earlier checkpoint for one of a student that diverged', () => {
    const evaluated = { ...record('training', 5), metrics };
    const failed = (diverged: boolean) => applyEvent(evaluated, event('failed', { error: 'x', attempt: 1, diverged }));
    expect(failed(true)?.state).toBe('failed');
    expect(failed(true)?.metrics).toBeUndefined();
    expect(failed(false)?.metrics).toEqual(metrics);
  });

  it('keeps why a run failed', () => {
    expect(applyEvent(record('training'), event('failed', { error: 'no data', attempt: 1 }))).toMatchObject({
      state: 'failed',
      error: 'no data',
    });
  });
});
