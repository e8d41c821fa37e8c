import { ClientError, type ServerError, Status } from 'nice-grpc-common';
import { ErrorInfo, RichClientError, RichServerError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../logging.js';
import { errorMiddleware, NotFoundError, RefusedError } from './errors.js';

/** What a client is told of an error of a handler. */
async function toldOf(error: Error): Promise<ServerError> {
  const call = {
    request: {},
    method: { path: '/S/M' },
    next: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    }),
  };
  const middleware = errorMiddleware(createLogger('test', 'silent')) as unknown as (
    call: unknown,
    context: unknown,
  ) => AsyncGenerator;
  return middleware(call, {})
    .next()
    .then(
      () => Promise.reject(new Error('no error')),
      (told: ServerError) => told,
    );
}

describe('errors of handlers', () => {
  it('have a status of their own, or are internal', async () => {
    expect(await toldOf(new NotFoundError('no run r'))).toMatchObject({ code: Status.NOT_FOUND, details: 'no run r' });
    expect(await toldOf(new Error('oops'))).toMatchObject({ code: Status.INTERNAL, details: 'internal error: oops' });
  });

  it('of a recipe’s fields come with each field', async () => {
    const fields = [
      { field: 'dataset.root', message: 'no folder own' },
      { field: 'batchSize', message: 'batchSize 9000: expected 1 to 8192' },
    ];
    const told = await toldOf(new RefusedError({ status: Status.NOT_FOUND, reason: 'DATASET_MISSING' }, fields));
    expect(told.code).toBe(Status.NOT_FOUND);
    expect(told.details).toBe('dataset.root: no folder own\nbatchSize 9000: expected 1 to 8192');
    expect((told as RichServerError).extra).toMatchObject([
      { reason: 'DATASET_MISSING' },
      { fieldViolations: fields.map(({ field, message }) => ({ field, description: message })) },
    ]);
  });

  it('that another service told are told on as they were', async () => {
    const extra = [ErrorInfo.fromPartial({ reason: 'DATASET_MISSING', domain: 'mcld' })];
    const rich = await toldOf(new RichClientError('/Loader/Describe', Status.NOT_FOUND, 'no folder own', extra));
    expect(rich).toBeInstanceOf(RichServerError);
    expect(rich).toMatchObject({ code: Status.NOT_FOUND, details: 'no folder own', extra });
    const plain = await toldOf(new ClientError('/Loader/Describe', Status.UNAVAILABLE, 'connection refused'));
    expect(plain).toMatchObject({ code: Status.UNAVAILABLE, details: 'connection refused' });
  });
});
