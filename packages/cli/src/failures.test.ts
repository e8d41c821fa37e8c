import { FetchError } from '@mcld/datasets/fetch/fetch.js';
import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { BusError } from '@mcld/platform/bus/events.js';
import { ConfigError } from '@mcld/platform/config.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { ListenError } from '@mcld/platform/grpc/server.js';
import { InvalidIdError } from '@mcld/platform/ids.js';
import { HomeError, HomeInUseError } from '@mcld/platform/runs/ownership.js';
import { ObjectStoreError } from '@mcld/platform/storage/object-store.js';
import { RecipeError } from '@mcld/recipe/parse.js';
import { describe, expect, it } from 'vitest';
import { CliError, Exit } from './exit.js';
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

describe('the exit code of what fails here', () => {
  it.each([
    [
      'a recipe that cannot be run',
      Exit.usage,
      new RecipeError([{ field: 'batchSize', message: 'expected 1 to 8192' }]),
    ],
    ['a setting that cannot be used', Exit.usage, new ConfigError('MCLD_PORT: expected a number')],
    ['an id that cannot be one', Exit.usage, new InvalidIdError("'A' is not a run id")],
    ['an address that is taken', Exit.usage, new ListenError('127.0.0.1:1 is taken by another program')],
    ['a home that another process works on', Exit.usage, new HomeInUseError('/home', undefined)],
    ['a home that cannot be worked on', Exit.usage, new HomeError('cannot work in /home')],
    ['a message bus that is away', Exit.unavailable, new BusError('NATS at a:1: no connection')],
    ['an object store that is away', Exit.unavailable, new ObjectStoreError('S3 at a:1: no connection')],
    ['a download that broke off', Exit.failure, new FetchError('the download broke off at 7 bytes')],
    ['a command that says so itself', Exit.notFound, new CliError('no cluster runs here', Exit.notFound)],
  ])('is right for %s', (_name, code, error) => {
    expect(explain(error)).toEqual({ message: error.message, code });
  });

  it('is 1 for an error of the system, which needs no stack', () => {
    const error = Object.assign(new Error("EACCES: permission denied, open 'a.onnx'"), { code: 'EACCES' });
    expect(explain(error)).toEqual({ message: error.message, code: Exit.failure });
  });

  it('is 1 for a bug, which shows its stack', () => {
    const { message, code } = explain(new TypeError('oops'));
    expect(code).toBe(Exit.failure);
    expect(message).toMatch(/^TypeError: oops\n +at .*failures\.test/);
  });
});
