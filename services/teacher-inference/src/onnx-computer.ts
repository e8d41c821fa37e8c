import { createRequire } from 'node:module';
import { assertSelfContained } from '@mcld/models/onnx-external-data.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LogitComputer } from './computer.js';
import { classesOfOutput, ForeignModelError, imageInput, imageLayout, onlyLogits } from './image-input.js';

/**
 * A teacher of any architecture, run by onnxruntime on the CPU. It takes one input of images and gives
 * logits as its output `logits`, or as its only one.
 * @param batch rows of every compute batch, unless the model fixes its own
 * @throws ForeignModelError when inputs or outputs are others, OnnxError for a model whose values lie elsewhere
 */
export async function onnxComputer(file: Uint8Array, batch: number): Promise<LogitComputer> {
  // Else onnxruntime would take them from a file of that name in whatever folder the process runs in.
  assertSelfContained(file);
  const session = await InferenceSession.create(file, { logSeverityLevel: 3, executionProviders: ['cpu'] }).catch(
    (error: Error) => {
      throw new ForeignModelError(`onnxruntime refuses the model: ${error.message}`);
    },
  );
  const [input] = session.inputMetadata;
  if (session.inputMetadata.length !== 1 || !input?.isTensor) {
    throw new ForeignModelError(`the model has ${session.inputMetadata.length} inputs, expected one of images`);
  }
  const output = onlyLogits(session.outputMetadata);
  if (!output.isTensor) throw new ForeignModelError(`output ${output.name} is no tensor`);
  const layout = imageLayout(input.name, input.type, input.shape);
  const classes = classesOfOutput(output.name, output.type, output.shape);
  const fixed = typeof input.shape[0] === 'number' && input.shape[0] > 0 ? input.shape[0] : undefined;
  const rows = fixed ?? batch;
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    model: 'onnx',
    classes,
    parameters: 0,
    identity: `onnxruntime ${version} cpu batch ${rows}`,
    async logits(images) {
      const pixelsPerRow = images.height * images.width * 3;
      const count = images.pixels.length / pixelsPerRow;
      const found = new Float32Array(count * classes);
      for (let from = 0; from < count; from += rows) {
        const pixels = images.pixels.subarray(from * pixelsPerRow, (from + rows) * pixelsPerRow);
        const { data, shape } = imageInput({ ...images, pixels }, layout, rows);
        const tensor =
          data instanceof Uint8Array ? new Tensor('uint8', data, shape) : new Tensor('float32', data, shape);
        const results = await session.run({ [input.name]: tensor });
        const values = results[output.name]?.data as Float32Array;
        found.set(values.subarray(0, Math.min(rows, count - from) * classes), from * classes);
      }
      return found;
    },
    unload: () => session.release(),
  };
}
