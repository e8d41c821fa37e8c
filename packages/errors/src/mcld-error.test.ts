import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isOf, McldError } from './mcld-error.js';

class MisfitError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'MISFIT' } as const;
}

class AwayError extends McldError {
  static override readonly meaning = { status: 'UNAVAILABLE', reason: 'AWAY' } as const;
}

const thrownBy = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

const systemError = (code: string) => Object.assign(new Error(`${code}: it failed`), { code });

describe('an error of this project', () => {
  it('means what its class says, and has its name in its stack', () => {
    const error = new MisfitError('7 and 10 classes');
    expect(error).toMatchObject({ name: 'MisfitError', status: 'INVALID_ARGUMENT', reason: 'MISFIT', fields: [] });
    expect(error.retryable).toBe(false);
    expect(error.stack).toMatch(/^MisfitError: 7 and 10 classes\n +at .*mcld-error\.test/);
  });

  it('may be tried again where its status passes by itself, unless it says otherwise', () => {
    expect(new AwayError('gone').retryable).toBe(true);
    expect(new AwayError('gone', { retryable: false }).retryable).toBe(false);
    expect(new AwayError('full', { status: 'RESOURCE_EXHAUSTED' }).retryable).toBe(false);
  });

  it('comes whole out of its data, with its causes', () => {
    const fields = [{ field: 'teacher', message: '7 classes' }];
    const error = new MisfitError('no fit', { fields, cause: systemError('ENOENT') });
    const copy = McldError.fromData(structuredClone(error.toData()));
    expect(copy).toBeInstanceOf(McldError);
    expect(copy).toMatchObject({
      name: 'MisfitError',
      message: 'no fit',
      status: 'INVALID_ARGUMENT',
      reason: 'MISFIT',
    });
    expect(copy).toMatchObject({ fields, stack: error.stack, cause: { reason: 'NO_FILE', status: 'NOT_FOUND' } });
  });

  it('is recognised after it crossed', () => {
    const copy = McldError.fromData(new MisfitError('no fit').toData());
    expect(isOf(copy, MisfitError)).toBe(true);
    expect(isOf(copy, AwayError)).toBe(false);
    expect(isOf(new Error('no fit'), MisfitError)).toBe(false);
  });

  it('bounds causes that lead back to themselves', () => {
    const error = new MisfitError('a');
    const outer = new MisfitError('b', { cause: error });
    error.cause = outer;
    expect(outer.toData().cause?.cause?.cause?.cause).not.toHaveProperty('cause');
  });
});

describe('the meaning of what is thrown', () => {
  it.each([
    ['ENOSPC', 'RESOURCE_EXHAUSTED', false],
    ['EROFS', 'FAILED_PRECONDITION', false],
    ['EACCES', 'PERMISSION_DENIED', false],
    ['EMFILE', 'RESOURCE_EXHAUSTED', true],
    ['ECONNREFUSED', 'UNAVAILABLE', true],
    ['EIO', 'INTERNAL', false],
  ])('%s is %s, retryable: %s', (code, status, retryable) => {
    expect(McldError.from(systemError(code))).toMatchObject({ status, retryable, message: `${code}: it failed` });
  });

  it('of a file that is not there is NOT_FOUND, with the stack of the one who looked', () => {
    const thrown = thrownBy(() => statSync('/nowhere/at/all'));
    const error = McldError.from(thrown);
    expect(error).toMatchObject({ status: 'NOT_FOUND', reason: 'NO_FILE', stack: (thrown as Error).stack });
  });

  it('of an abort is CANCELLED, and not to be tried again', () => {
    const thrown = thrownBy(() => AbortSignal.abort().throwIfAborted());
    expect(McldError.from(thrown)).toMatchObject({ status: 'CANCELLED', retryable: false });
  });

  it('of a value that does not pass a schema names its fields', () => {
    const issues = [{ path: ['sets', 0, 'root'], message: 'expected a string' }];
    const error = McldError.from(Object.assign(new Error('[...]'), { name: 'ZodError', issues }));
    expect(error.status).toBe('INVALID_ARGUMENT');
    expect(error.fields).toEqual([{ field: 'sets[0].root', message: 'expected a string' }]);
  });

  it('of a bug is INTERNAL, whatever was thrown', () => {
    expect(McldError.from(new TypeError('x is not a function'))).toMatchObject({
      name: 'TypeError',
      status: 'INTERNAL',
    });
    expect(McldError.from('a string')).toMatchObject({ message: 'a string', reason: 'INTERNAL', retryable: false });
    expect(McldError.from(undefined).message).toBe('undefined');
  });

  it('of an error of this project is its own', () => {
    const error = new MisfitError('no fit');
    expect(McldError.from(error)).toBe(error);
  });
});
