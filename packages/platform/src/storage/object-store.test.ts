import { expect, it } from 'vitest';
import { ObjectStoreError } from './object-store.js';

it.each([
  ['ENOSPC', { status: 'RESOURCE_EXHAUSTED', reason: 'NO_SPACE', retryable: false }],
  ['EROFS', { status: 'FAILED_PRECONDITION', reason: 'READ_ONLY', retryable: false }],
  ['EACCES', { status: 'PERMISSION_DENIED', reason: 'NOT_ALLOWED', retryable: false }],
  ['ENOENT', { status: 'UNAVAILABLE', reason: 'OBJECT_STORE', retryable: true }],
  ['ECONNREFUSED', { status: 'UNAVAILABLE', reason: 'OBJECT_STORE', retryable: true }],
])('a store that fails by %s is asked again where that may help', (code, meaning) => {
  const cause = Object.assign(new Error(`${code}: it failed`), { code });
  expect(new ObjectStoreError('cannot write a/b', { cause })).toMatchObject({
    message: 'cannot write a/b',
    ...meaning,
  });
});
