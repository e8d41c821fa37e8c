import type { ErrorStatus } from '@mcld/errors/meaning.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { createLogger } from '@mcld/platform/logging.js';
import type { Sources } from '@mcld/preflight/preflight.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { describe, expect, it } from 'vitest';
import { runCheck } from './run-check.js';

const recipe = parseRecipe({ name: 'r', dataset: { name: 'cifar-10', root: 'own' }, model: 'resnet8' });

/** Checks with a loader that answers everything with one error. */
function checkBy(status: ErrorStatus, details: string): Promise<void> {
  const error = new RemoteError('/Describe', details, { status });
  const sources = { loader: { describeDataset: () => Promise.reject(error) }, teacher: {} } as unknown as Sources;
  return runCheck(sources, createLogger('test', 'silent'))(recipe, '');
}

describe('a new run', () => {
  it('is refused for what its recipe names', async () => {
    await expect(checkBy('NOT_FOUND', 'no folder own')).rejects.toThrow('dataset.root: no folder own');
    await expect(checkBy('DATA_LOSS', 'own/a.bin has 7 bytes')).rejects.toThrow('dataset.root: own/a.bin has 7');
  });

  it.each<[string, ErrorStatus]>([
    ['is out of reach', 'UNAVAILABLE'],
    ['takes too long', 'DEADLINE_EXCEEDED'],
    ['breaks down', 'INTERNAL'],
  ])('is accepted while the loader %s', async (_name, status) => {
    await expect(checkBy(status, '')).resolves.toBeUndefined();
  });
});
