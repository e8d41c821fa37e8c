import { StreamBatchesResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { StreamRowsResponse } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { describe, expect, it } from 'vitest';
import { allocateLarge, largeBytes } from './large-bytes.js';

describe('largeBytes', () => {
  it.each([0, 1, 127, 128, 16_384, 300_000])('writes the same message with %i bytes', (length) => {
    const values = Uint8Array.from({ length }, (_, i) => i * 7);
    const message = StreamRowsResponse.create({
      cursor: { epoch: 3, step: 200 },
      part: { count: 64, width: 100, totalBytes: 9e9, offset: 0 },
      values,
    });
    const type = largeBytes(StreamRowsResponse, 'values', 3);
    const written = type.encode(message).finish();
    expect(StreamRowsResponse.decode(Uint8Array.from(written))).toEqual(
      StreamRowsResponse.decode(StreamRowsResponse.encode(message).finish()),
    );
    expect(type.decode(written).values.length).toBe(length);
    const roomy = allocateLarge(length);
    roomy.set(values);
    const around = type.encode({ ...message, values: roomy }).finish();
    expect(Buffer.compare(around, written)).toBe(0);
    // Written again, for another stream, it is the same.
    expect(Buffer.compare(type.encode({ ...message, values: roomy }).finish(), written)).toBe(0);
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
