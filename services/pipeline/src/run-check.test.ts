import { createLogger } from '@mcld/platform/logging.js';
import type { Sources } from '@mcld/preflight/preflight.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { ClientError, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { runCheck } from './run-check.js';

const recipe = parseRecipe({ name: 'r', dataset: { name: 'cifar-10', root: 'own' }, model: 'resnet8' });

/** Checks with a loader that answers everything with one error. */
function checkBy(code: Status, details: string): Promise<void> {
  const error = new ClientError('/Describe', code, details);
  const sources = { loader: { describeDataset: () => Promise.reject(error) }, teacher: {} } as unknown as Sources;
  return runCheck(sources, createLogger('test', 'silent'))(recipe, '');
}

describe('a new run', () => {
  it('is refused for what its recipe names', async () => {
    await expect(checkBy(Status.NOT_FOUND, 'no folder own')).rejects.toThrow('dataset.root: no folder own');
    await expect(checkBy(Status.DATA_LOSS, 'own/a.bin has 7 bytes')).rejects.toThrow('dataset.root: own/a.bin has 7');
  });

  it.each([
    ['is out of reach', Status.UNAVAILABLE],
    ['takes too long', Status.DEADLINE_EXCEEDED],
    ['breaks down', Status.INTERNAL],
  ])('is accepted while the loader %s', async (_name, code) => {
    await expect(checkBy(code, '')).resolves.toBeUndefined();
  });
});
