import { McldError } from '@mcld/errors/mcld-error.js';
import { ClientError, type ServerError, Status } from 'nice-grpc-common';
import { RichClientError, type RichServerError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import type { Logger } from '../logging.js';
import { errorMiddleware } from './error-middleware.js';
import { NotFoundError, RefusedError } from './errors.js';
import { RemoteError, remoteErrorOf } from './remote-error.js';

const failing = (error: unknown) => ({
  request: {},
  method: { path: '/S/M' },
  next: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }),
});

/** What a handler's error is to the client, as the server tells it and as the client knows it, and what is logged. */
async function crossing(error: unknown) {
  const logged: unknown[] = [];
  const logger = { error: ({ err }: { err: unknown }) => logged.push(err) } as unknown as Logger;
  const middleware = errorMiddleware(logger) as unknown as (call: unknown, context: unknown) => AsyncGenerator;
  const sent: ServerError & Partial<RichServerError> = await middleware(failing(error), {})
    .next()
    .then(
      () => Promise.reject(new Error('no error')),
      (told) => told,
    );
  const received = sent.extra
    ? new RichClientError('/S/M', sent.code, sent.details, sent.extra)
    : new ClientError('/S/M', sent.code, sent.details);
  return { sent, received: remoteErrorOf(received), logged };
}

describe('an error of a handler', () => {
  it('has its status and reason at the client', async () => {
    const { sent, received, logged } = await crossing(new NotFoundError('no run r'));
    expect(sent).toMatchObject({ code: Status.NOT_FOUND, details: 'no run r' });
    expect(received).toMatchObject({ message: 'no run r', status: 'NOT_FOUND', reason: 'NOT_FOUND', retryable: false });
    expect(received.method).toBe('/S/M');
    expect(logged).toEqual([]);
  });

  it('has each field of a recipe that is refused', async () => {
    const fields = [
      { field: 'dataset.root', message: 'no folder own' },
      { field: 'batchSize', message: 'batchSize 9000: expected 1 to 8192' },
    ];
    const { sent, received } = await crossing(
      new RefusedError({ status: 'NOT_FOUND', reason: 'DATASET_MISSING' }, fields),
    );
    expect(sent.details).toBe('dataset.root: no folder own\nbatchSize 9000: expected 1 to 8192');
    expect(sent.extra).toMatchObject([
      { reason: 'DATASET_MISSING', domain: 'mcld', metadata: {} },
      { fieldViolations: fields.map(({ field, message }) => ({ field, description: message })) },
    ]);
    expect(received).toMatchObject({ status: 'NOT_FOUND', reason: 'DATASET_MISSING', fields });
  });

  it('says whether trying again may help, where its status does not', async () => {
    const busy = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    const { received, logged } = await crossing(busy);
    expect(received).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_FILES', retryable: true });
    // No class of the project foresaw it.
    expect(logged).toEqual([busy]);
    const away = await crossing(new McldError('gone for good', { status: 'UNAVAILABLE', retryable: false }));
    expect(away.received).toMatchObject({ status: 'UNAVAILABLE', retryable: false });
  });

  it('is internal where nobody foresaw it, and logged once, with its stack', async () => {
    const bug = new TypeError('oops');
    const { sent, received, logged } = await crossing(bug);
    expect(sent).toMatchObject({ code: Status.INTERNAL, details: 'internal error: oops' });
    expect(received).toMatchObject({ status: 'INTERNAL', retryable: false });
    expect(logged).toEqual([bug]);
  });

  it('that another service refused is passed on in its words', async () => {
    const fields = [{ field: 'dataset.root', message: 'no folder own' }];
    const refused = { status: 'NOT_FOUND', reason: 'DATASET_MISSING', fields } as const;
    const { received, logged } = await crossing(new RemoteError('/Loader/Describe', 'no folder own', refused));
    expect(received).toMatchObject({ ...refused, message: 'no folder own' });
    const away = new RemoteError('/Loader/Describe', 'connection refused', { status: 'UNAVAILABLE' });
    expect((await crossing(away)).sent).toMatchObject({ code: Status.UNAVAILABLE, details: 'connection refused' });
    expect(logged).toEqual([]);
  });

  it('that another service did not foresee is internal here too, and says where', async () => {
    const remote = new RemoteError('/Loader/Describe', 'internal error: oops', { status: 'INTERNAL' });
    const { sent, logged } = await crossing(remote);
    expect(sent).toMatchObject({ code: Status.INTERNAL, details: 'internal error: /Loader/Describe: oops' });
    expect(logged).toEqual([remote]);
    const denied = new RemoteError('/Loader/Describe', 'a bearer token is needed', { status: 'UNAUTHENTICATED' });
    expect((await crossing(denied)).sent.code).toBe(Status.INTERNAL);
  });
});

describe('a call that ended without an answer', () => {
  it.each([
    [Status.UNAVAILABLE, true],
    [Status.CANCELLED, true],
    [Status.DEADLINE_EXCEEDED, true],
    [Status.DATA_LOSS, false],
    [Status.INTERNAL, false],
  ])('with status %i may be tried again: %s', (code, retryable) => {
    expect(remoteErrorOf(new ClientError('/S/M', code, ''))).toMatchObject({ reason: Status[code], retryable });
  });
});
