/** A server of the Open Inference Protocol whose model can change under the clients' feet. */
import {
  type DeepPartial,
  GRPCInferenceServiceDefinition,
  type ModelInferRequest,
  type ModelInferResponse,
} from '@mcld/contracts/inference/grpc_predict_v2.js';
import { ModelConfigServiceDefinition } from '@mcld/contracts/inference/model_config.js';
import { createServer, type Server, ServerError, Status } from 'nice-grpc';

const CLASSES = 100;

/** What the server does now; a test changes it. */
export interface Served {
  versions: string[];
  /** As Triton does; others describe the model that they have. */
  refusesUnknownVersions: boolean;
  /** What answers say of their version; the one asked for where it is absent. */
  answeredVersion?: string;
  platform: string;
  shape: number[];
  /** May change, but not from or to 0: no limit, and no ModelConfig, as on servers that are not Triton. */
  maxBatchSize: number;
  /** The row of an image; `place` is where it is in its request. */
  row: (pixels: Uint8Array, version: string, place: number) => Float32Array;
}

/** Logits by the sums of an image's pixels, of a model that a seed tells from others. */
export function linearRow(pixels: Uint8Array, seed: number): Float32Array {
  const features = new Float64Array(12);
  for (const [i, value] of pixels.entries()) features[i % 12]! += (value - 120) / 5000;
  return Float32Array.from({ length: CLASSES }, (_, c) =>
    features.reduce((sum, x, f) => sum + x * Math.sin((c + 1) * (f + 1 + seed * 0.37)), 0),
  );
}

export class InferenceServer {
  readonly served: Served = {
    versions: ['1'],
    refusesUnknownVersions: false,
    platform: 'test_linear',
    shape: [-1, 32, 32, 3],
    maxBatchSize: 0,
    row: (pixels, version) => linearRow(pixels, Number(version) || 0),
  };
  /** Rows and version of each request since it was emptied. */
  requests: { readonly rows: number; readonly version: string }[] = [];
  #server: Server | undefined;
  #port = 0;

  static async start(served: Partial<Served> = {}): Promise<InferenceServer> {
    const server = new InferenceServer();
    Object.assign(server.served, served);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts, again too: at the address that it had. */
  async start(): Promise<void> {
    const server = createServer({ 'grpc.max_receive_message_length': -1 });
    server.add(GRPCInferenceServiceDefinition, {
      serverLive: async () => ({ live: true }),
      serverReady: async () => ({ ready: true }),
      serverMetadata: async () => ({ name: 'test', version: '1', extensions: [] }),
      modelReady: async () => ({ ready: true }),
      modelMetadata: async ({ name, version }) => {
        const { versions, platform, shape, refusesUnknownVersions } = this.served;
        if (refusesUnknownVersions && version !== '' && !versions.includes(version)) {
          throw new ServerError(
            Status.NOT_FOUND,
            `Request for unknown model: '${name}' version ${version} is not found`,
          );
        }
        const datatype = shape[1] === 3 ? 'FP32' : 'UINT8';
        const outputs = [{ name: 'logits', datatype: 'FP32', shape: [-1, CLASSES] }];
        return { name, versions, platform, inputs: [{ name: 'image', datatype, shape }], outputs };
      },
      modelInfer: async (request) => this.#infer(request),
    });
    const inTheSameService = { ...ModelConfigServiceDefinition, fullName: GRPCInferenceServiceDefinition.fullName };
    if (this.served.maxBatchSize > 0) {
      server.add(inTheSameService as unknown as typeof ModelConfigServiceDefinition, {
        modelConfig: async ({ name }) => ({ config: { name, maxBatchSize: this.served.maxBatchSize } }),
      });
    }
    this.#port = await server.listen(`127.0.0.1:${this.#port}`);
    this.#server = server;
  }

  #infer({ modelName, modelVersion, inputs, rawInputContents }: ModelInferRequest): DeepPartial<ModelInferResponse> {
    const { maxBatchSize, row, versions, answeredVersion } = this.served;
    const rows = inputs[0]!.shape[0]!;
    this.requests.push({ rows, version: modelVersion });
    if (maxBatchSize > 0 && rows > maxBatchSize) {
      throw new ServerError(Status.INVALID_ARGUMENT, `inference request batch-size must be <= ${maxBatchSize}`);
    }
    const raw = rawInputContents[0]!;
    const bytes = raw.length / rows;
    const version = modelVersion || (versions.at(-1) ?? '');
    const values = new Float32Array(rows * CLASSES);
    for (let i = 0; i < rows; i++) values.set(row(raw.subarray(i * bytes, (i + 1) * bytes), version, i), i * CLASSES);
    return {
      modelName,
      modelVersion: answeredVersion ?? version,
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [rows, CLASSES] }],
      rawOutputContents: [Buffer.from(values.buffer)],
    };
  }

  /** Goes away at once, as a process that is killed. */
  async stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }
}
