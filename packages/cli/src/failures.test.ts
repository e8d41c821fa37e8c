import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { Exit } from './exit.js';
import { explain } from './failures.js';

const message = 'teacher: 10 and 7 classes';
const fields = [{ field: 'teacher', message }];
const refusal = (status: ErrorStatus, reason: string, violations: typeof fields = []) =>
  new RemoteError('/mcld.v1.Pipeline/CreateRun', message, { status, reason, fields: violations });

describe('the exit code of what a service answers', () => {
  it.each([
    ['a recipe whose teacher cannot teach', Exit.usage, refusal('FAILED_PRECONDITION', 'FOREIGN_MODEL', fields)],
    ['a recipe whose run has not ended', Exit.usage, refusal('FAILED_PRECONDITION', 'WRONG_STATE', fields)],
    ['a teacher that cannot teach, to be warmed', Exit.usage, refusal('FAILED_PRECONDITION', 'FOREIGN_MODEL')],
    ['a recipe that does not fit', Exit.usage, refusal('INVALID_ARGUMENT', 'RECIPE_MISFIT', fields)],
    ['a run that goes on by itself', Exit.failure, refusal('FAILED_PRECONDITION', 'WRONG_STATE')],
    ['data that is missing', Exit.notFound, refusal('NOT_FOUND', 'DATASET_MISSING', fields)],
    ['data that is damaged', Exit.failure, refusal('DATA_LOSS', 'DATASET_DAMAGED', fields)],
    ['a teacher’s server that is away', Exit.unavailable, refusal('UNAVAILABLE', 'TEACHER_ENDPOINT', fields)],
    ['a service that breaks down', Exit.failure, new RemoteError('/a', message, { status: 'INTERNAL' })],
  ])('is right for %s', (_name, code, error) => {
    expect(explain(error)).toEqual({ message, code });
  });
});
