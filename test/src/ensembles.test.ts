/** The mean of several teachers as one. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { startEmbedded } from '@mcld/cli/embedded.js';
import { GRPCInferenceServiceDefinition } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { float32Of } from '@mcld/platform/rows.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scratch, smallCifar } from './support/data.js';
import { pipelineAt, quickRecipe, runToEnd } from './support/runs.js';

let place: Awaited<ReturnType<typeof scratch>>;
let data: string;

beforeAll(async () => {
  place = await scratch();
  data = await smallCifar(place.folder, 128, 64);
});

afterAll(() => place.remove());

function softmax(row: Float32Array): Float64Array {
  const most = Math.max(...row);
  const parts = Float64Array.from(row, (z) => Math.exp(z - most));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((part) => part / sum);
}

it('teaches with the mean of its members’ logits, or of their probabilities', async () => {
  const pipeline = await startEmbedded({ home: path.join(place.folder, 'home') });
  const { client, close } = pipelineAt(pipeline.endpoint);
  const imported = async (seed: number, classes: number) => {
    const chunk = Buffer.from(encodeSafetensors(initialState('resnet8', classes, seed), {}));
    async function* file() {
      yield { model: 'resnet8', chunk };
    }
    return { digest: (await client.importTeacher(file())).teacherDigest };
  };
  const [one, other, fewer] = [await imported(1, 100), await imported(2, 100), await imported(3, 10)];
  const recipe = (ensemble: object[], mean?: string) =>
    quickRecipe(data, { teacher: { ensemble, ...(mean && { mean }) }, distiller: { name: 'kd' }, epochs: 1 });
  const logits = await runToEnd(client, recipe([one!, other!]));
  const probabilities = await runToEnd(client, recipe([one!, other!], 'probabilities'));
  expect(logits.teacherDigest).not.toBe(probabilities.teacherDigest);

  const inference = openClient(
    GRPCInferenceServiceDefinition,
    pipeline.addresses['teacher-inference'] as string,
    readConfig({}),
  );
  const pixels = Buffer.from(Uint8Array.from({ length: 2 * 3072 }, (_, i) => (i * 31) % 256));
  const rowOf = async (modelName: string) => {
    const inputs = [{ name: 'image', datatype: 'UINT8', shape: [2, 32, 32, 3] }];
    const { rawOutputContents } = await inference.client.modelInfer({ modelName, inputs, rawInputContents: [pixels] });
    const logits = float32Of(rawOutputContents[0]!);
    expect(logits.length).toBe(2 * 100);
    return logits.subarray(100);
  };
  const [a, b] = [await rowOf(one!.digest), await rowOf(other!.digest)];
  expect(await rowOf(logits.teacherDigest)).toEqual(a.map((z, i) => (z + b[i]!) / 2));
  const [p, q] = [softmax(a), softmax(b)];
  const found = softmax(await rowOf(probabilities.teacherDigest));
  expect(Math.max(...found.map((share, i) => Math.abs(share - (p[i]! + q[i]!) / 2)))).toBeLessThan(5e-7);

  await expect(client.createRun({ requestId: randomUUID(), recipe: recipe([one!, fewer!]) })).rejects.toThrow(
    'teacher: an ensemble of 100 and of 10 classes',
  );
  inference.close();
  close();
  await pipeline.close();
});
