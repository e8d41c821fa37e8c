import type { WatchRunResponse } from '@mcld/contracts/mcld/v1/pipeline.js';
import { Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PipelineClient } from './connection.js';
import { followRun } from './follow.js';

const run = Run.fromPartial({ id: 'r', name: 'r', recipe: { epochs: 2 } });
let written = '';

beforeEach(() => {
  written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** Follows a run of which a pipeline tells these events, then its end. */
async function follow(...events: [kind: string, data: Record<string, unknown>][]): Promise<string> {
  const ended = Run.fromPartial({ id: 'r', state: RunState.SUCCEEDED });
  async function* watchRun() {
    for (const [kind, data] of events) yield { eventId: kind, kind, time: new Date(), data, run: undefined };
    yield { eventId: 'end', kind: 'ended', time: new Date(), data: undefined, run: ended };
  }
  const client = { watchRun: watchRun as () => AsyncIterable<WatchRunResponse> } as unknown as PipelineClient;
  expect(await followRun(client, run, new AbortController().signal)).toBe(ended);
  return written;
}

const metrics = { count: 1000, nonFinite: 0, top1: 0.5, top5: 1, crossEntropy: 2, ece: 0 };

describe('a run that is followed', () => {
  it('shows what its events carry', async () => {
    const passedOver = { train: [{ kind: 'damaged images', count: 1, names: ['x.jpg'] }] };
    const started = { attempt: 1, step: 0, totalSteps: 20, passedOver };
    const shown = await follow(['started', started], ['evaluated', { step: 10, metrics, final: false }]);
    expect(shown).toBe(
      'r: files of the train split that are not used: damaged images: 1 (x.jpg)\n' +
        'r: training, 20 steps\n' +
        'r: epoch 1 of 2: top-1 50.0 %, cross-entropy 2.000 on 1,000 test images\n' +
        'r: succeeded\n',
    );
  });

  it('passes over what a pipeline of another build tells', async () => {
    expect(await follow(['paused', { step: 1 }], ['evaluated', { step: 10 }], ['started', {}])).toBe('r: succeeded\n');
  });
});
