import { ClientError, Status } from 'nice-grpc-common';
import { BadRequest, ErrorInfo, RichClientError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { Exit } from './exit.js';
import { explain } from './failures.js';

const message = 'teacher: 10 and 7 classes';
const fields = BadRequest.fromPartial({ fieldViolations: [{ field: 'teacher', description: message }] });
const info = (reason: string) => ErrorInfo.fromPartial({ reason, domain: 'mcld' });
const refusal = (code: Status, ...details: (BadRequest | ErrorInfo)[]) =>
  new RichClientError('/mcld.v1.Pipeline/CreateRun', code, message, details);

describe('the exit code of what a service answers', () => {
  it.each([
    [
      'a recipe whose teacher cannot teach',
      Exit.usage,
      refusal(Status.FAILED_PRECONDITION, info('FOREIGN_MODEL'), fields),
    ],
    ['a recipe whose run has not ended', Exit.usage, refusal(Status.FAILED_PRECONDITION, info('WRONG_STATE'), fields)],
    [
      'a teacher that cannot teach, to be warmed',
      Exit.usage,
      refusal(Status.FAILED_PRECONDITION, info('FOREIGN_MODEL')),
    ],
    ['a recipe that does not fit', Exit.usage, refusal(Status.INVALID_ARGUMENT, info('RECIPE_MISFIT'), fields)],
    ['a run that goes on by itself', Exit.failure, refusal(Status.FAILED_PRECONDITION, info('WRONG_STATE'))],
    ['data that is missing', Exit.notFound, refusal(Status.NOT_FOUND, info('DATASET_MISSING'), fields)],
    ['data that is damaged', Exit.failure, refusal(Status.DATA_LOSS, info('DATASET_DAMAGED'), fields)],
    [
      'a teacher’s server that is away',
      Exit.unavailable,
      refusal(Status.UNAVAILABLE, info('TEACHER_ENDPOINT'), fields),
    ],
    ['a service that breaks down', Exit.failure, new ClientError('/a', Status.INTERNAL, message)],
  ])('is right for %s', (_name, code, error) => {
    expect(explain(error)).toEqual({ message, code });
  });
});
