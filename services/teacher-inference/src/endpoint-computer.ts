import {
  GRPCInferenceServiceDefinition,
  type ModelInferResponse,
  type ModelMetadataResponse,
} from '@mcld/contracts/inference/grpc_predict_v2.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { z } from 'zod';
import type { LogitComputer } from './computer.js';
import { classesOfOutput, ForeignModelError, imageInput, imageLayout } from './image-input.js';

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
  const metadata: ModelMetadataResponse = await client
    .modelMetadata({ name }, { deadline: DEADLINE_MS })
    .catch((error: Error) => {
      close();
      throw new ForeignModelError(`${endpoint} does not describe the model ${name}: ${error.message}`);
    });
  const [input] = metadata.inputs;
  const output = metadata.outputs.find((found) => found.name === 'logits') ?? metadata.outputs[0];
  if (metadata.inputs.length !== 1 || !input || !output) {
    close();
    throw new ForeignModelError(`${name} has ${metadata.inputs.length} inputs, expected one of images`);
  }
  const layout = imageLayout(input.name, datatypes[input.datatype] ?? input.datatype, input.shape);
  const classes = classesOfOutput(output.name, datatypes[output.datatype] ?? output.datatype, output.shape);
  return {
    model: `${metadata.platform || 'remote'} ${name}`,
    classes,
    parameters: 0,
    identity: `${metadata.platform} at ${endpoint} batch ${batch}`,
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
