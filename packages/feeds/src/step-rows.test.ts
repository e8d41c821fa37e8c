import { type RowsPart, StreamRowsRequest, StreamRowsResponse } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { Rows } from '@mcld/platform/rows.js';
import { describe, expect, it } from 'vitest';
import { START } from './cursors.js';
import { rowsMessages } from './rows-pieces.js';
import { openStepRows } from './step-rows.js';
import { StreamError } from './stream-error.js';
import { fetchRows } from './views.js';

const request = {
  ...{ spec: BatchSpec.create(), from: START, epochs: 1, stepsPerEpoch: 2 },
  ...{ teacherDigest: 'a', output: 'logits', precision: '' },
};

const message = (part: RowsPart, bytes: number) =>
  StreamRowsResponse.create({ cursor: START, part, values: new Uint8Array(bytes) });

describe("a teacher's rows", () => {
  it('come with the shape that their message says, whatever the output', async () => {
    const sent = [new Rows(Float32Array.of(1, 2, 3, 4, 5, 6), 3), Rows.zeros(2, 300_000)];
    const asked: string[] = [];
    const feed = openStepRows(
      {
        async *streamRows(wanted) {
          asked.push(StreamRowsRequest.fromPartial(wanted).output);
          for (const [step, rows] of sent.entries()) {
            for (const part of rowsMessages(rows))
              yield StreamRowsResponse.create({ cursor: { epoch: 0, step }, ...part });
          }
        },
      },
      { ...request, output: 'features' },
    );
    for (const [step, rows] of sent.entries()) {
      expect(await feed.take()).toEqual({ cursor: { epoch: 0, step }, rows });
    }
    expect(asked).toEqual(['features']);
    await expect(feed.take()).rejects.toThrow('the teacher ended its stream of features too early');
  });

  it.each([
    [{ count: 2, width: 3, totalBytes: 20, offset: 0 }, '20 bytes came for 2 rows of 3 float32 values'],
    [{ count: 0, width: 0, totalBytes: 20, offset: 0 }, '20 bytes came for 0 rows of 0 float32 values'],
  ])('are refused where their bytes are not of that shape: %o', async (part, why) => {
    const feed = openStepRows(
      {
        async *streamRows() {
          yield message(part, 20);
        },
      },
      request,
    );
    const error = await feed.take().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StreamError);
    expect((error as Error).message).toBe(why);
  });

  it('of another replica are one for each view', async () => {
    const peer = {
      async *computeRows() {
        yield message({ count: 2, width: 1, totalBytes: 8, offset: 0 }, 8);
      },
    };
    const views = [1, 2, 3].map((index) => ({ index, code: 0 }));
    expect((await fetchRows(peer, request, views.slice(1))).count).toBe(2);
    await expect(fetchRows(peer, request, views)).rejects.toThrow('2 rows came for 3 views');
  });
});
