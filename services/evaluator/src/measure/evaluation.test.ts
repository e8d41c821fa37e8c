import { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { evaluateSplit } from './evaluation.js';
import type { InferenceParts } from './inference.js';

const dataset = DatasetRef.fromPartial({ name: 'cifar-10', root: 'own', split: 'test' });

/** A student that is right about two images of two, and a teacher that breaks off after the first. */
function partsWith(failure: Error): InferenceParts {
  const logits = Float32Array.of(2, 0, 0, 2);
  const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return {
    thread: { call: async () => ({ logits, features: new Float32Array(2) }) },
    loader: {
      describeDataset: async () => ({ classNames: ['a', 'b'], height: 1, width: 1, count: 2, mean: [], std: [] }),
      async *streamBatches() {
        yield { part: { totalBytes: 6, offset: 0 }, labels: [0, 1], pixels: Buffer.alloc(6) };
      },
    },
    teacher: {
      async *streamLogits() {
        yield { logits: bytes(logits.subarray(0, 2)), totalBytes: 8, offset: 0, classes: 2 };
        throw failure;
      },
    },
  } as unknown as InferenceParts;
}

describe('a teacher that refuses a test image', () => {
  it('leaves the student its figures, without a comparison', async () => {
    const why = 'the teacher (onnx) answers to image 1 with Infinity for class 0';
    const parts = partsWith(new RemoteError('/StreamLogits', why, { status: 'FAILED_PRECONDITION' }));
    const { metrics, teacherFault } = await evaluateSplit(parts, dataset, 'a'.repeat(64));
    expect(teacherFault).toBe(why);
    expect(metrics).toMatchObject({ count: 2, nonFinite: 0, top1: 1 });
    expect(metrics).not.toHaveProperty('agreement');
    expect(metrics).not.toHaveProperty('teacherTop1');
  });

  it('is not one that is away: that evaluation is tried again', async () => {
    const away = new RemoteError('/StreamLogits', 'connection refused', { status: 'UNAVAILABLE' });
    await expect(evaluateSplit(partsWith(away), dataset, 'a'.repeat(64))).rejects.toBe(away);
  });
});
