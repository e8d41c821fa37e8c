/** The mean of several teachers as one. */
import { randomUUID } from 'node:crypto';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState } from '@mcld/models/layers/state-dict.js';
import { float32Of } from '@mcld/platform/rows.js';
import { expect, it } from 'vitest';
import { usePlace } from './support/place.js';
import { quickRecipe, runToEnd } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 128, test: 64 });
const pipeline = usePipeline(place);

function softmax(row: Float32Array): Float64Array {
  const most = Math.max(...row);
  const parts = Float64Array.from(row, (z) => Math.exp(z - most));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((part) => part / sum);
}

it('teaches with the mean of its members’ logits, or of their probabilities', async () => {
  const { client } = pipeline;
  const imported = async (seed: number, classes: number) => {
    const chunk = Buffer.from(encodeSafetensors(initialState('resnet8', classes, seed), {}));
    async function* file() {
      yield { model: 'resnet8', chunk };
    }
    return { digest: (await client.importTeacher(file())).teacherDigest };
  };
  const [one, other, fewer] = [await imported(1, 100), await imported(2, 100), await imported(3, 10)];
  const recipe = (ensemble: object[], mean?: string) =>
    quickRecipe(place.data, { teacher: { ensemble, ...(mean && { mean }) }, distiller: { name: 'kd' }, epochs: 1 });
  const logits = await runToEnd(client, recipe([one!, other!]));
  const probabilities = await runToEnd(client, recipe([one!, other!], 'probabilities'));
  expect(logits.teacherDigest).not.toBe(probabilities.teacherDigest);

  const pixels = Buffer.from(Uint8Array.from({ length: 2 * 3072 }, (_, i) => (i * 31) % 256));
  const rowOf = async (modelName: string) => {
    const inputs = [{ name: 'image', datatype: 'UINT8', shape: [2, 32, 32, 3] }];
    const { rawOutputContents } = await pipeline.inference.modelInfer({
      modelName,
      inputs,
      rawInputContents: [pixels],
    });
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
});
