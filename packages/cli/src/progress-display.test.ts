import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { barDisplay, type Display, lineDisplay } from './progress-display.js';

const progress = (step: number, loss?: number) => ({
  step,
  totalSteps: 300,
  imagesPerSecond: step === 1 ? 0 : 640.4,
  losses: { total: loss ?? 5 - step / 100 },
});

const evaluation = { at: 'epoch 1 of 3', count: 10_000, top1: '12.3 %', crossEntropy: 3.5 };

/** A run of 300 steps, ten a second, of which the first and an evaluation take long. */
function train(display: Display): void {
  display.started(0, 300);
  display.progress(progress(1), 20_000, false);
  for (let i = 1; i <= 9; i++) display.progress(progress(10 * i + 1), 20_000 + 1000 * i, false);
  display.progress(progress(100), 50_000, false);
  display.evaluated(evaluation);
  display.progress(progress(110), 51_000, false);
  display.progress(progress(300), 70_000, false);
  display.trained();
  display.ended('succeeded');
  display.close();
}

describe('lines', () => {
  const lines = (): { out: { write(text: string): boolean }; said: string[] } => {
    const said: string[] = [];
    return { said, out: { write: (text) => said.push(text) > 0 } };
  };

  it('tell of the steps now and then, of each evaluation, and of no time that is not known', () => {
    const { out, said } = lines();
    train(lineDisplay('small', out));
    expect(said.join('')).toBe(`small: training, 300 steps
small: step 1/300, loss 4.990
small: step 100/300, loss 4.000, 640 images/s, 20 s left
small: epoch 1 of 3: top-1 12.3 %, cross-entropy 3.500 on 10,000 test images
small: step 300/300, loss 2.000, 640 images/s
small: trained; evaluating
small: succeeded
`);
  });

  it('do not tell the steps again that were before, but know the time from them', () => {
    const { out, said } = lines();
    const display = lineDisplay('small', out);
    display.started(100, 300);
    for (let i = 0; i <= 9; i++) display.progress(progress(101 + 10 * i), 1000 * i, true);
    display.progress(progress(201), 10_000, false);
    expect(said.join('')).toBe(`small: goes on after step 100 of 300
small: step 201/300, loss 2.990, 640 images/s, 10 s left
`);
  });

  it('show a loss and an accuracy that are not numbers as what they are', () => {
    const { out, said } = lines();
    const display = lineDisplay('small', out);
    display.progress(progress(1, Number.NaN), 0, false);
    display.evaluated({ ...evaluation, top1: 'diverged', crossEntropy: Number.NaN });
    expect(said.join('')).toBe(`small: step 1/300, loss NaN
small: epoch 1 of 3: top-1 diverged, cross-entropy NaN on 10,000 test images
`);
  });
});

const retry = { reason: 'teacher: h:1 does not answer\nbatchSize: nor this', next: 2, most: 8, pauseMs: 4000 };
const retryTold = 'waiting, attempt 2 of 8 in 4 s: teacher: h:1 does not answer; batchSize: nor this';

it('a run that waits says what for, before its first step and in the middle', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 140 });
  const written: string[] = [];
  out.on('data', (data: Buffer) => written.push(stripVTControlCharacters(data.toString())));
  lineDisplay('lines', out).waiting(retry);
  const bar = barDisplay('bar', out as unknown as NodeJS.WriteStream);
  bar.waiting(retry);
  expect(written.splice(0).join('')).toBe(`lines: ${retryTold}\nbar: ${retryTold}\n`);
  bar.started(0, 300);
  bar.waiting(retry);
  bar.close();
  expect(written.join('')).toContain(`0/300 steps | ${retryTold} | loss`);
});

it('a stage that waits for a service says for what, and when it goes on', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const wait = {
    stage: 'training',
    service: 'data loader',
    what: 'batches',
    since,
    retries: 0,
    step: 3,
    attempt: 1,
  } as const;
  const said: string[] = [];
  const lines = lineDisplay('lines', { write: (text: string | Uint8Array) => said.push(String(text)) > 0 });
  lines.waits(wait, Date.parse(since) + 20_000);
  lines.goesOn({ ...wait, waitedMs: 34_000 });
  expect(said.join('')).toBe(`lines: training waits 20 s for the data loader (batches)
lines: training goes on; it waited 34 s for the data loader
`);
});

describe('the bar', () => {
  it('shows top-1 when it is known, and ends with the state', () => {
    const out = Object.assign(new PassThrough(), { isTTY: true, columns: 140 });
    const written: string[] = [];
    out.on('data', (data: Buffer) => written.push(stripVTControlCharacters(data.toString())));
    train(barDisplay('small', out as unknown as NodeJS.WriteStream));
    const text = written.join('');
    expect(text).toContain('0/300 steps | – left | loss – | top-1 – | ');
    expect(text).toContain('300/300 steps | succeeded | loss 2.000 | top-1 12.3 % | 640 images/s');
    expect(text).not.toContain('0 s left');
  });
});
