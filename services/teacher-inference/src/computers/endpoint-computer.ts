import type { ModelInferResponse } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { clipped } from '@mcld/errors/text.js';
import { PIECE_BYTES } from '@mcld/feeds/limits.js';
import { type Retry, retrying } from '@mcld/platform/grpc/retrying.js';
import type { Logger } from '@mcld/platform/logging.js';
import { float32Of } from '@mcld/platform/rows.js';
import type { EndpointTeacher } from '@mcld/platform/storage/teachers.js';
import { OUR_PLATFORM } from '../open-inference/definition.js';
import { type Computer, type ImageBatch, LOGITS } from './computer.js';
import {
  batchLimit,
  classifierOf,
  describeEndpoint,
  type EndpointClient,
  endpointError,
  labelOf,
  openEndpoint,
} from './endpoint-model.js';
import { type ForeignOutput, fixedRows, foreignLogits } from './foreign-model.js';
import { ForeignModelError, fixedSides } from './image-input.js';

const DEADLINE_MS = 60_000;

/**
 * A teacher on another server, Triton or KServe.
 * @param allowed endpoints that recipes may name, see `openEndpoint`
 * @param batch rows of every request, where the model takes as many
 * @throws ForeignModelError when it is not what it was, not allowed, or takes no images; EndpointAwayError
 */
export async function endpointComputer(
  model: EndpointTeacher,
  allowed: string,
  batch: number,
  logger: Logger,
): Promise<Computer> {
  const { endpoint, platform } = model;
  const { client, close } = openEndpoint(endpoint, allowed);
  try {
    await assertUnchanged(client, model);
    const { input, output, kind, classes } = classifierOf(model);
    // An answer fits into a message.
    const most = Math.min(batch, Math.max(1, Math.floor(PIECE_BYTES / (classes * 4))));
    const fixed = fixedRows(input.shape[0]);
    const rowsNow = async () => fixed ?? Math.min(most, (await batchLimit(client, model)) || most);
    let rows = await rowsNow();
    const versions = new ServedVersion(model);
    const ask = async (images: ImageBatch, data: Uint8Array | Float32Array, shape: number[]) => {
      const inputs = [{ name: input.name, datatype: input.datatype, shape }];
      const response = await infer(client, model, logger, {
        ...{ modelName: model.name, modelVersion: model.version, inputs, outputs: [{ name: output.name }] },
        parameters: platform.startsWith(OUR_PLATFORM) ? normalisation(images) : {},
        rawInputContents: [Buffer.from(data.buffer, data.byteOffset, data.byteLength)],
      });
      versions.assertSame(response.modelVersion);
      return outputOf(response, output.name);
    };
    const answers = (images: ImageBatch) => {
      const run = (data: Uint8Array | Float32Array, shape: number[]) => ask(images, data, shape);
      return foreignLogits(images, { kind, classes, rows, output: output.name, run });
    };
    return {
      model: `${clipped(platform, 40) || 'remote'} ${clipped(labelOf(model), 100)}`,
      widths: { [LOGITS]: classes },
      parameters: 0,
      get identity() {
        return `${clipped(`${platform} ${labelOf(model)} at ${endpoint}`, 200)} batch ${rows}`;
      },
      sides: fixedSides(kind, input.shape),
      isForeign: true,
      members: [],
      async compute(images) {
        const asked = rows;
        try {
          return await answers(images);
        } catch (error) {
          // A server may be told to take smaller batches of the same model at any time.
          if (!(error instanceof ForeignModelError)) throw error;
          rows = await rowsNow();
          if (rows === asked) throw error;
          return answers(images);
        }
      },
      async assertUnchanged() {
        await assertUnchanged(client, model);
        rows = await rowsNow();
      },
      unload: async () => close(),
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A teacher of another deployment of this project normalises raw pixels by these; others know their own. */
function normalisation({ statistics }: ImageBatch) {
  const channels = (values: readonly number[]) => ({
    parameterChoice: { $case: 'stringParam' as const, value: values.join(',') },
  });
  return { mean: channels(statistics.mean), std: channels(statistics.std) };
}

/** A server that goes away for a while is waited for, as other services are. */
async function infer(
  client: EndpointClient,
  model: EndpointTeacher,
  logger: Logger,
  request: Parameters<EndpointClient['modelInfer']>[0],
): Promise<ModelInferResponse> {
  try {
    const onRetry = ({ error: err, retries, pauseMs }: Retry) =>
      logger.warn(
        { endpoint: model.endpoint, err, retries, pauseMs },
        `${labelOf(model)} is out of reach: asking again`,
      );
    return await retrying(() => client.modelInfer(request, { deadline: DEADLINE_MS }), { onRetry });
  } catch (error) {
    const images = request.inputs?.[0]?.shape?.[0];
    const what = `for ${labelOf(model)}`;
    const { endpoint } = model;
    throw endpointError(
      error,
      `${endpoint} does not answer ${what}`,
      `${endpoint} refuses a request of ${images} images ${what}`,
    );
  }
}

/** @throws ForeignModelError saying what is other than when the teacher was made of it */
async function assertUnchanged(client: EndpointClient, model: EndpointTeacher): Promise<void> {
  const now = await describeEndpoint(client, model);
  for (const field of ['version', 'platform', 'inputs', 'outputs'] as const) {
    const [before, after] = [JSON.stringify(model[field]), JSON.stringify(now[field])];
    if (before === after) continue;
    throw new ForeignModelError(
      `${labelOf(model)} on ${model.endpoint} is not what this teacher was made of: its ${field} was ${clipped(before)}, now ${clipped(after)}; a new run takes it as it is now`,
    );
  }
}

/** The version that answers: the teacher's, or the first that answered where the server names none. */
class ServedVersion {
  #version: string;

  constructor(readonly model: EndpointTeacher) {
    this.#version = model.version;
  }

  assertSame(answered: string): void {
    if (answered === '') return;
    this.#version ||= answered;
    if (answered === this.#version) return;
    const { endpoint, name } = this.model;
    throw new ForeignModelError(
      `${endpoint} answers with version ${clipped(answered)} of ${name}, this teacher is version ${clipped(this.#version)}; name the one that is meant with teacher.version`,
    );
  }
}

/** Triton answers in raw contents, others may in typed ones. */
function outputOf({ outputs, rawOutputContents }: ModelInferResponse, name: string): ForeignOutput {
  const at = outputs.findIndex((output) => output.name === name);
  const raw = rawOutputContents[at];
  const shape = outputs[at]?.shape ?? [];
  if (!raw) return { shape, values: Float32Array.from(outputs[at]?.contents?.fp32Contents ?? []) };
  if (raw.length % 4 !== 0) throw new ForeignModelError(`output ${name}: ${raw.length} bytes are not float32 values`);
  return { shape, values: float32Of(raw) };
}
