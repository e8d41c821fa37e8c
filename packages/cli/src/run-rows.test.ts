import { Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { describe, expect, it } from 'vitest';
import { runRows } from './run-rows.js';

const now = Date.parse('2026-01-01T00:01:00Z');
const ago = (seconds: number) => new Date(now - 1000 * seconds);

const run = (changes: Parameters<typeof Run.fromPartial>[0]) =>
  Run.fromPartial({ id: 'r-1', state: RunState.TRAINING, step: 12, totalSteps: 300, attempt: 1, ...changes });

const shown = (changes: Parameters<typeof Run.fromPartial>[0]) => Object.fromEntries(runRows(run(changes), now));

describe('what is shown of a run', () => {
  it('tells how old its progress is, and where the time goes', () => {
    const progress = {
      time: ago(34),
      imagesPerSecond: 640.4,
      batchWaitShare: 0.204,
      teacherWaitShare: 0,
      computeWaitShare: 0.7,
    };
    expect(shown({ progress })).toMatchObject({
      step: '12 of 300',
      progress: '34 s ago, 640 images/s, where a step waits: batches 20 %, logits 0 %, compute 70 %',
    });
    expect(shown({ progress, state: RunState.SUCCEEDED })).not.toHaveProperty('progress');
  });

  it('says so when nothing was heard of the trainer, which would tell of a wait', () => {
    const silent = { progress: { time: ago(90) } };
    expect(shown(silent)).toMatchObject({ training: 'has not been heard of for 1 min 30 s: is there a trainer?' });
    expect(shown({ progress: { time: ago(50) } })).not.toHaveProperty('training');
    expect(shown({ ...silent, state: RunState.EVALUATING })).not.toHaveProperty('training');
    const waiting = [{ stage: 'training', service: 'teacher', what: 'logits', since: ago(80) }];
    expect(shown({ ...silent, waiting })).toMatchObject({ training: 'waits 1 min 20 s for the teacher (logits)' });
  });

  it('tells what each stage waits for, and since when', () => {
    const waiting = [
      { stage: 'training', service: 'data loader', what: 'batches', since: ago(45), answer: 'absent', retries: 3 },
      {
        stage: 'evaluation',
        service: 'teacher',
        what: 'logits',
        since: ago(12),
        because: 'for the data loader (views)',
      },
    ];
    expect(shown({ waiting })).toMatchObject({
      training: 'waits 45 s for the data loader (batches), which cannot be reached; 3 retries',
      evaluation: 'waits 12 s for the teacher (logits), which waits for the data loader (views)',
    });
    expect(Object.keys(shown({}))).toEqual(['run', 'state', 'step', 'attempt', 'top-1', 'teacher', 'trace']);
  });
});
