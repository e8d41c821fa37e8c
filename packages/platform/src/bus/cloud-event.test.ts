import { describe, expect, it } from 'vitest';
import { asRunId } from '../ids.js';
import { jsonText } from '../json.js';
import { fromCloudEvent, toCloudEvent } from './cloud-event.js';
import { runEvent } from './events.js';

const run = asRunId('r');
const crossed = (value: unknown): unknown => JSON.parse(jsonText(value));
const metrics = { count: 2, nonFinite: 1, top1: 0.5, top5: 1, crossEntropy: 'NaN', ece: 'NaN' } as const;

describe('an event', () => {
  it('is the same after it has crossed processes', () => {
    const events = [
      runEvent(run, 'created', 'once', { name: 'r', recipe: { model: 'resnet8' } }, 'pipeline'),
      runEvent(run, 'evaluated', 'final.1', { step: 9, metrics, transfer: [], final: true, error: 'x' }, 'evaluator'),
      runEvent(run, 'evaluated', '5', { step: 5, metrics, final: false }, 'evaluator'),
      runEvent(run, 'cancelled', '1', {}, 'pipeline'),
    ];
    for (const event of events) expect(fromCloudEvent(crossed(toCloudEvent(event)))).toEqual(event);
  });

  it('crosses as a CloudEvent', () => {
    expect(toCloudEvent(runEvent(run, 'trained', '1', { step: 9, attempt: 1 }, 'student-trainer'))).toMatchObject({
      specversion: '1.0',
      id: 'r.trained.1',
      source: 'mcld/student-trainer',
      type: 'mcld.run.trained',
      subject: 'r',
      datacontenttype: 'application/json',
    });
  });

  it('is read without the fields that another build adds', () => {
    const sent = toCloudEvent(runEvent(run, 'trained', '1', { step: 9, attempt: 1 }, 'student-trainer'));
    const more = { ...sent, extension: 1, data: { ...sent.data, host: 'a' } };
    expect(fromCloudEvent(crossed(more)).data).toEqual({ step: 9, attempt: 1 });
  });

  it.each([
    ['of a kind that is not known', { type: 'mcld.run.forgotten' }, 'kind'],
    ['of something else', { type: 'mcld.teacher.created' }, 'type'],
    ['of no run', { subject: 'Not an id' }, 'subject'],
    ['whose step is not one', { data: { step: 'nine', attempt: 1 } }, 'step'],
    ['without its attempt', { data: { step: 9 } }, 'attempt'],
  ])('%s is refused by the field that is wrong', (_title, change, field) => {
    const sent = toCloudEvent(runEvent(run, 'trained', '1', { step: 9, attempt: 1 }, 'student-trainer'));
    expect(() => fromCloudEvent(crossed({ ...sent, ...change }))).toThrow(`"${field}"`);
  });
});
