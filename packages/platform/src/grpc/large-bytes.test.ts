import { StreamBatchesResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { StreamLogitsResponse } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { describe, expect, it } from 'vitest';
import { allocateLarge, largeBytes } from './large-bytes.js';

describe('largeBytes', () => {
  it.each([0, 1, 127, 128, 16_384, 300_000])('writes the same message with %i bytes', (length) => {
    const logits = Uint8Array.from({ length }, (_, i) => i * 7);
    const message = StreamLogitsResponse.create({
      cursor: { epoch: 3, step: 200 },
      rows: 64,
      classes: 100,
      logits,
      totalBytes: 9e9,
    });
    const type = largeBytes(StreamLogitsResponse, 'logits', 4);
    const written = type.encode(message).finish();
    expect(StreamLogitsResponse.decode(Uint8Array.from(written))).toEqual(
      StreamLogitsResponse.decode(StreamLogitsResponse.encode(message).finish()),
    );
    expect(type.decode(written).logits.length).toBe(length);
    const roomy = allocateLarge(length);
    roomy.set(logits);
    const around = type.encode({ ...message, logits: roomy }).finish();
    expect(Buffer.compare(around, written)).toBe(0);
    // Written again, for another stream, it is the same.
    expect(Buffer.compare(type.encode({ ...message, logits: roomy }).finish(), written)).toBe(0);
    expect(around.buffer).toBe(roomy.buffer);
  });

  it('makes a copy where the other fields need more room', () => {
    const views = { index: Array.from({ length: 3000 }, (_, i) => i), code: [] };
    const pixels = allocateLarge(10);
    const message = StreamBatchesResponse.create({ views, pixels });
    const written = largeBytes(StreamBatchesResponse, 'pixels', 5).encode(message).finish();
    expect(StreamBatchesResponse.decode(written).views?.index).toEqual(views.index);
  });
});
