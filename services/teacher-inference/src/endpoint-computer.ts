import {
  GRPCInferenceServiceDefinition,
  type ModelInferResponse,
  type ModelMetadataResponse,
} from '@mcld/contracts/inference/grpc_predict_v2.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { z } from 'zod';
import type { LogitComputer } from './computer.js';
import { classesOfOutput, ForeignModelError, imageInput, imageLayout, onlyLogits } from './image-input.js';

/** A model on a server that speaks the Open Inference Protocol, as the pipeline stores it. */
export const endpointSchema = z.strictObject({ endpoint: z.string().min(1), name: z.string().min(1) });

export type TeacherEndpoint = z.output<typeof endpointSchema>;

const DEADLINE_MS = 60_000;

const datatypes: Readonly<Record<string, string>> = { FP32: 'float32', UINT8: 'uint8' };

/**
 * A teacher on another server, Triton or KServe, over gRPC without TLS.
 * @param allowed endpoints that recipes may name, with commas between; '*': any
 * @throws ForeignModelError when it is not allowed, not there, or takes no images
 */
export async function endpointComputer(
  { endpoint, name }: TeacherEndpoint,
  allowed: string,
  batch: number,
): Promise<LogitComputer> {
  if (allowed !== '*' && !allowed.split(',').includes(endpoint)) {
    throw new ForeignModelError(`teacher.endpoint ${endpoint} is not among MCLD_TEACHER_ENDPOINTS`);
  }
  // This deployment's own token is none of that server's business.
  const { client, close } = openClient(GRPCInferenceServiceDefinition, endpoint, {});
  const described = client.modelMetadata({ name }, { deadline: DEADLINE_MS }).catch((error: Error) => {
    throw new ForeignModelError(`${endpoint} does not describe the model ${name}: ${error.message}`);
  });
  const { platform, input, output, layout, classes } = await described.then(classifierOf).catch((error: Error) => {
    close();
    throw error;
  });
  return {
    model: `${platform || 'remote'} ${name}`,
    classes,
    parameters: 0,
    identity: `${platform} at ${endpoint} batch ${batch}`,
    async logits(images) {
      const rows = images.pixels.length / (images.height * images.width * 3);
      const { data, shape } = imageInput(images, layout, rows);
      const response = await client.modelInfer(
        {
          modelName: name,
          inputs: [{ name: input.name, datatype: input.datatype, shape }],
          outputs: [{ name: output.name }],
          rawInputContents: [Buffer.from(data.buffer, data.byteOffset, data.byteLength)],
        },
        { deadline: DEADLINE_MS },
      );
      return logitsOf(response, output.name, rows * classes);
    },
    unload: async () => close(),
  };
}

/** A model's input of images and its output of logits. @throws ForeignModelError when it has others */
function classifierOf({ name, platform, inputs, outputs }: ModelMetadataResponse) {
  const [input] = inputs;
  if (inputs.length !== 1 || !input) {
    throw new ForeignModelError(`${name} has ${inputs.length} inputs, expected one of images`);
  }
  const output = onlyLogits(outputs);
  const typed = (datatype: string) => datatypes[datatype] ?? datatype;
  const layout = imageLayout(input.name, typed(input.datatype), input.shape);
  const classes = classesOfOutput(output.name, typed(output.datatype), output.shape);
  return { platform, input, output, layout, classes };
}

/** Triton answers in raw contents, others may in typed ones. */
function logitsOf({ outputs, rawOutputContents }: ModelInferResponse, name: string, wanted: number): Float32Array {
  const at = outputs.findIndex((output) => output.name === name);
  const raw = rawOutputContents[at];
  const values = raw
    ? new Float32Array(Uint8Array.from(raw).buffer)
    : Float32Array.from(outputs[at]?.contents?.fp32Contents ?? []);
  if (values.length !== wanted)
    throw new ForeignModelError(`output ${name}: ${values.length} values, expected ${wanted}`);
  return values;
}
