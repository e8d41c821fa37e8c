import type {
  GRPCInferenceServiceImplementation,
  ModelInferRequest,
} from '@mcld/contracts/inference/grpc_predict_v2.js';
import type { ModelConfigServiceImplementation } from '@mcld/contracts/inference/model_config.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { LOGITS } from '../computers/computer.js';
import type { TeacherPool } from '../teacher-pool.js';
import { OUR_PLATFORM } from './definition.js';

/**
 * The Open Inference Protocol over the teachers: a model's name is its digest; input `image`, UINT8
 * [n, height, width, 3] raw pixels, with the normalisation as parameters `mean` and `std` ("r,g,b",
 * CIFAR-100's where absent); output `logits`, FP32 [n, classes].
 */
export function openInferenceService(
  teachers: TeacherPool,
  version: string,
): GRPCInferenceServiceImplementation & ModelConfigServiceImplementation {
  return {
    serverLive: async () => ({ live: true }),
    serverReady: async () => ({ ready: true }),
    serverMetadata: async () => ({ name: 'mcld-teacher', version, extensions: [] }),
    async modelReady({ name }) {
      try {
        using _lease = await teachers.lease(name);
        return { ready: true };
      } catch {
        return { ready: false };
      }
    },
    async modelMetadata({ name, version }) {
      using lease = await teachers.lease(name);
      const { model, widths } = lease.value.computer;
      assertVersion(version);
      return {
        name,
        versions: [VERSION],
        platform: `${OUR_PLATFORM}${model}`,
        inputs: [{ name: 'image', datatype: 'UINT8', shape: [-1, -1, -1, 3] }],
        outputs: [{ name: LOGITS, datatype: 'FP32', shape: [-1, widths[LOGITS]] }],
      };
    },
    async modelConfig({ name, version }) {
      using _lease = await teachers.lease(name);
      assertVersion(version);
      return { config: { name, maxBatchSize: teachers.parts.batch } };
    },
    async modelInfer(request) {
      assertVersion(request.modelVersion);
      using lease = await teachers.lease(request.modelName);
      const teacher = lease.value;
      const { pixels, rows, height, width } = imageOf(request, teacher.parts.batch);
      const statistics = {
        mean: channels(request, 'mean', [0.5071, 0.4867, 0.4408]),
        std: channels(request, 'std', [0.2675, 0.2565, 0.2761]),
      };
      const logits = await teacher.computer.compute({ pixels, height, width, statistics }, LOGITS);
      return {
        modelName: request.modelName,
        modelVersion: VERSION,
        id: request.id,
        outputs: [{ name: LOGITS, datatype: 'FP32', shape: [rows, logits.width] }],
        rawOutputContents: [Buffer.from(logits.bytes.buffer, logits.bytes.byteOffset, logits.bytes.byteLength)],
      };
    },
  };
}

/** The name is a digest, so it has one version only. */
const VERSION = '1';

function assertVersion(version: string): void {
  if (version !== '' && version !== VERSION) throw new RequestError(`version '${version}': expected ${VERSION}`);
}

function imageOf(request: ModelInferRequest, batch: number) {
  const [input] = request.inputs;
  if (request.inputs.length !== 1 || input?.name !== 'image' || input.datatype !== 'UINT8') {
    throw new RequestError("inputs: expected one, 'image' of datatype UINT8");
  }
  const [rows = 0, height = 0, width = 0, three = 0] = input.shape;
  if (input.shape.length !== 4 || three !== 3 || rows < 1 || rows > batch || height < 1 || width < 1) {
    throw new RequestError(`image: shape [${input.shape.join(', ')}], expected [1…${batch}, height, width, 3]`);
  }
  const raw = request.rawInputContents[0];
  const pixels = raw ? new Uint8Array(raw) : Uint8Array.from(input.contents?.uintContents ?? []);
  const expected = rows * height * width * 3;
  if (pixels.length !== expected) throw new RequestError(`image: ${pixels.length} bytes, its shape needs ${expected}`);
  return { pixels, rows, height, width };
}

function channels(request: ModelInferRequest, name: string, fallback: number[]): number[] {
  const choice = request.parameters[name]?.parameterChoice;
  if (!choice) return fallback;
  const values = String(choice.value).split(',').map(Number);
  if (values.length === 3 && values.every(Number.isFinite)) return values;
  throw new RequestError(`parameter ${name}: '${choice.value}', expected three numbers with commas between`);
}
