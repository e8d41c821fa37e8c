import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { isOf, McldError } from '@mcld/errors/mcld-error.js';
import { describe, expect, it } from 'vitest';
import { ComputeThread } from './compute-thread.js';

type Handlers = {
  double(values: Float32Array): Float32Array;
  fail(argument: undefined): void;
  vanish(argument: undefined): void;
};

/** A worker module of the test's own, against the compiled `serveCompute`. */
async function start(
  prelude = 'const double = (values) => values.map((v) => 2 * v);',
): Promise<ComputeThread<Handlers>> {
  const serve = new URL('./compute-worker.js', import.meta.url).href;
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'mcld-thread-')), 'worker.mjs');
  const source = `import { serveCompute } from ${JSON.stringify(serve)};
${prelude}
serveCompute({
  double,
  fail: () => { throw new Error('no such luck'); },
  vanish: () => process.exit(7),
});`;
  await writeFile(file, source);
  return new ComputeThread<Handlers>(pathToFileURL(file), {});
}

describe('ComputeThread', () => {
  it('answers in order, hands buffers over without copies, and finishes its calls before it closes', async () => {
    const thread = await start();
    const values = Float32Array.of(1, 2);
    const calls = [thread.call('double', values, [values.buffer]), thread.call('double', Float32Array.of(3))];
    expect(values.length).toBe(0);
    await thread.close();
    expect((await Promise.all(calls)).map((v) => [...v])).toEqual([[2, 4], [6]]);
    await expect(thread.call('double', Float32Array.of(1))).rejects.toThrow('compute thread ended');
  });

  it('passes errors on and goes on after them', async () => {
    const thread = await start();
    const error = await thread.call('fail', undefined).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ name: 'Error', message: 'no such luck', status: 'INTERNAL', retryable: false });
    expect(error).toHaveProperty('stack', expect.stringMatching(/^Error: no such luck\n +at fail \(.*worker\.mjs/));
    expect([...(await thread.call('double', Float32Array.of(4)))]).toEqual([8]);
    await thread.close();
  });

  it('passes on all that an error of this project means', async () => {
    const errors = import.meta.resolve('@mcld/errors/mcld-error.js');
    const thread = await start(`import { McldError } from ${JSON.stringify(errors)};
class MisfitError extends McldError {
  static meaning = { status: 'INVALID_ARGUMENT', reason: 'MISFIT' };
}
const fields = [{ field: 'model', message: '7 classes' }];
const double = () => { throw new MisfitError('no fit', { fields, cause: new TypeError('inner') }); };`);
    const error = await thread.call('double', Float32Array.of(1)).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(McldError);
    expect(error).toMatchObject({
      name: 'MisfitError',
      message: 'no fit',
      status: 'INVALID_ARGUMENT',
      reason: 'MISFIT',
      fields: [{ field: 'model', message: '7 classes' }],
      stack: expect.stringMatching(/^MisfitError: no fit\n +at double \(.*worker\.mjs/),
      cause: { name: 'TypeError', message: 'inner' },
    });
    expect(isOf(error, { name: 'MisfitError', meaning: { status: 'INVALID_ARGUMENT', reason: 'MISFIT' } })).toBe(true);
    await thread.close();
  });

  it('fails every call in hand when the thread is lost', async () => {
    const thread = await start();
    const calls = [thread.call('vanish', undefined), thread.call('double', Float32Array.of(1))];
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await thread.close();
  });

  it('loads TensorFlow again after the last thread that had it was gone', async () => {
    const backend = new URL('./backend.js', import.meta.url).href;
    const core = import.meta.resolve('@tensorflow/tfjs-core');
    for (let i = 0; i < 5; i++) {
      const thread = await start(`import { loadBackend } from ${JSON.stringify(backend)};
import * as tf from ${JSON.stringify(core)};
loadBackend('cpu');
const double = (values) => tf.mul(tf.tensor1d(values), 2).dataSync().slice();`);
      expect([...(await thread.call('double', Float32Array.of(i)))]).toEqual([2 * i]);
      await thread.close();
    }
  });

  it('can be started and stopped again and again', async () => {
    for (let i = 0; i < 10; i++) {
      const thread = await start();
      expect([...(await thread.call('double', Float32Array.of(i)))]).toEqual([2 * i]);
      await thread.close();
    }
  });
});
