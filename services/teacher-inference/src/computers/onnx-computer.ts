import { createRequire } from 'node:module';
import { clipped } from '@mcld/errors/text.js';
import { assertSelfContained } from '@mcld/models/formats/onnx-external-data.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { type Computer, LOGITS } from './computer.js';
import { fixedRows, foreignLogits } from './foreign-model.js';
import { classesOfOutput, ForeignModelError, fixedSides, inputKind, onlyLogits } from './image-input.js';

const packageSchema = z.object({ version: z.string() });

const options: InferenceSession.SessionOptions = {
  logSeverityLevel: 3,
  executionProviders: ['cpu'],
  // It would leave out dropout also where a model was exported in training mode, which other runtimes do not.
  extra: { optimization: { disable_specified_optimizers: 'EliminateDropout' } },
};

/**
 * A teacher of any architecture, run by onnxruntime on the CPU. It takes one input of images and gives
 * logits as its output `logits`, or as its only one.
 * @param batch rows of every compute batch, unless the model fixes its own
 * @throws ForeignModelError when inputs or outputs are others, OnnxError for a model whose values lie elsewhere
 */
export async function onnxComputer(file: Uint8Array, batch: number): Promise<Computer> {
  // Else onnxruntime would take them from a file of that name in whatever folder the process runs in.
  assertSelfContained(file);
  const network = await InferenceSession.create(file, options).catch((error: Error) => {
    throw new ForeignModelError(`onnxruntime refuses the model: ${clipped(error.message)}`);
  });
  const [input] = network.inputMetadata;
  if (network.inputMetadata.length !== 1 || !input?.isTensor) {
    throw new ForeignModelError(`the model has ${network.inputMetadata.length} inputs, expected one of images`);
  }
  const output = onlyLogits(network.outputMetadata);
  if (!output.isTensor) throw new ForeignModelError(`output ${output.name} is not a tensor`);
  const kind = inputKind(input.name, input.type, input.shape);
  const classes = classesOfOutput(output.name, output.type, output.shape);
  const rows = fixedRows(input.shape[0]) ?? batch;
  const { version } = packageSchema.parse(createRequire(import.meta.url)('onnxruntime-node/package.json'));
  const model = {
    ...{ kind, classes, rows, output: output.name },
    async run(data: Uint8Array | Float32Array, shape: number[]) {
      const tensor = data instanceof Uint8Array ? new Tensor('uint8', data, shape) : new Tensor('float32', data, shape);
      const results = await network.run({ [input.name]: tensor }).catch((error: Error) => {
        throw new ForeignModelError(`the model fails on images [${shape.join(', ')}]: ${clipped(error.message)}`);
      });
      const result = results[output.name];
      if (!(result?.data instanceof Float32Array)) {
        throw new ForeignModelError(`output ${output.name} is ${result?.type ?? 'not there'}, expected float32`);
      }
      return { values: result.data, shape: result.dims };
    },
  };
  return {
    model: 'onnx',
    widths: { [LOGITS]: classes },
    parameters: 0,
    identity: `onnxruntime ${version} cpu batch ${rows}`,
    sides: fixedSides(kind, input.shape),
    isForeign: true,
    members: [],
    compute: (images) => foreignLogits(images, model),
    unload: () => network.release(),
  };
}
