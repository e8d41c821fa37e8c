import { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { START } from '@mcld/feeds/cursors.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { createLogger } from '@mcld/platform/logging.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { describe, expect, it } from 'vitest';
import { evaluateSplit } from './evaluation.js';
import type { InferenceParts } from './inference.js';

const logger = createLogger('test', 'silent');
const dataset = DatasetRef.fromPartial({ name: 'cifar-10', root: 'own', split: 'test' });

/** A student that is right about two images of two, and a teacher that breaks off within its first answer, once. */
function partsWith(failure: Error): InferenceParts {
  let hasFailed = false;
  const logits = Float32Array.of(2, 0, 0, 2);
  const part = { count: 2, width: 2, totalBytes: 16 };
  const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return {
    thread: { call: async () => ({ logits, features: new Float32Array(2) }) },
    loader: {
      describeDataset: async () => ({ classNames: ['a', 'b'], height: 1, width: 1, count: 2, mean: [], std: [] }),
      async *streamBatches() {
        yield { cursor: START, part: { totalBytes: 6, offset: 0 }, labels: [0, 1], pixels: Buffer.alloc(6) };
      },
    },
    teacher: {
      async *streamRows() {
        yield { cursor: START, part: { ...part, offset: 0 }, values: bytes(logits.subarray(0, 2)) };
        if (!hasFailed) {
          hasFailed = true;
          throw failure;
        }
        yield { cursor: START, part: { ...part, offset: 8 }, values: bytes(logits.subarray(2)) };
      },
    },
    logger,
    waits: new WaitWatch({ afterMs: 10_000, logger }),
  } as unknown as InferenceParts;
}

describe('a teacher that refuses a test image', () => {
  it('leaves the student its figures, without a comparison', async () => {
    const why = 'the teacher (onnx) answers to image 1 with Infinity for class 0';
    const parts = partsWith(new RemoteError('/StreamRows', why, { status: 'FAILED_PRECONDITION' }));
    const { metrics, teacherFault } = await evaluateSplit(parts, dataset, 'a'.repeat(64));
    expect(teacherFault).toBe(why);
    expect(metrics).toMatchObject({ count: 2, nonFinite: 0, top1: 1 });
    expect(metrics).not.toHaveProperty('agreement');
    expect(metrics).not.toHaveProperty('teacherTop1');
  });

  it('is not one that is away: that is asked again, nor one that is broken: then there are no figures', async () => {
    const away = new RemoteError('/StreamRows', 'connection refused', { status: 'UNAVAILABLE' });
    const { metrics, teacherFault } = await evaluateSplit(partsWith(away), dataset, 'a'.repeat(64));
    expect(teacherFault).toBeUndefined();
    expect(metrics).toMatchObject({ count: 2, agreement: 1, teacherTop1: 1 });
    const broken = new RemoteError('/StreamRows', 'a damaged image', { status: 'DATA_LOSS' });
    await expect(evaluateSplit(partsWith(broken), dataset, 'a'.repeat(64))).rejects.toBe(broken);
  });
});
