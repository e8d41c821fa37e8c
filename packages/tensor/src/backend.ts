import { createRequire } from 'node:module';
import util from 'node:util';
import { codeOf } from '@mcld/errors/code.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import { engine, type Tensor } from '@tensorflow/tfjs-core';

export type Device = 'cpu' | 'gpu';

/** Thrown when the build of TensorFlow for a device is not installed. */
export class DeviceError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'NO_DEVICE' } as const;
}

/** An op's attribute in the addon's form: a TF_ATTR_* number tells how `value` is read. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** What the addon tells of a tensor that it made. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The addon's functions that are used here; tensors are numbers to it. */
export interface Binding {
  readonly TF_Version: string;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  createTensor(shape: readonly number[], dtype: number, values: unknown): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(model: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorMetadata[];
  deleteSavedModel(model: number): void;
}

/** The native backend as this package uses it; see tfjs-node's `nodejs_kernel_backend`. */
export interface NativeBackend {
  binding: Binding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  createOutputTensor(metadata: TensorMetadata): Tensor;
  executeMultipleOutputs<T extends readonly Tensor[]>(
    name: string,
    attributes: readonly unknown[],
    inputs: readonly Tensor[],
    outputs: T['length'],
  ): T;
}

let loaded: { readonly backend: NativeBackend; readonly device: Device } | undefined;

/**
 * What a process must set before TensorFlow loads: environment variables, which native code reads (a
 * worker thread's `process.env` is a copy that it does not see, so the main thread calls this before
 * it starts one), and native/runtime.cc.
 */
export function prepareEnvironment(): void {
  // TensorFlow switches oneDNN on by itself only on some CPUs; on the others it is worth 1.3×.
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  // Its start-up chatter is written by native code straight to the terminal; errors still are.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  createRequire(import.meta.url)('../native/build/runtime.node');
}

/**
 * Loads native TensorFlow into this thread, once.
 * @param device `auto` takes the GPU build where it is installed, else the CPU build
 * @throws DeviceError when the build that is asked for is not installed
 */
export function loadBackend(device: Device | 'auto' = 'auto'): { backend: NativeBackend; device: Device } {
  if (loaded) return loaded;
  prepareEnvironment();
  giveBackNodeUtilities();
  const require = createRequire(import.meta.url);
  const build = requireBuild(require, device);
  const { backend } = engine();
  if (!isNative(backend))
    throw new Error(`TensorFlow.js computes with ${backend.constructor.name}, not TensorFlow itself`);
  loaded = { backend, device: build };
  return loaded;
}

const isNative = (backend: object): backend is NativeBackend =>
  'binding' in backend && 'executeMultipleOutputs' in backend;

function requireBuild(require: NodeRequire, device: Device | 'auto'): Device {
  if (device !== 'cpu') {
    try {
      require('@tensorflow/tfjs-node-gpu');
      return 'gpu';
    } catch (error) {
      if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error;
      if (device === 'gpu') {
        throw new DeviceError('MCLD_DEVICE=gpu, but @tensorflow/tfjs-node-gpu is not installed');
      }
    }
  }
  require('@tensorflow/tfjs-node');
  return 'cpu';
}

// tfjs-node 4.22 calls util.isNullOrUndefined and util.isArray on every op; Node 23 removed both.
function giveBackNodeUtilities(): void {
  const removed = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [name, utility] of Object.entries(removed)) if (!(name in util)) Reflect.set(util, name, utility);
}

/** The backend of this thread. @throws Error when `loadBackend` was not called */
export function nativeBackend(): NativeBackend {
  if (!loaded) throw new Error('TensorFlow is not loaded in this thread: call loadBackend() first');
  return loaded.backend;
}

/**
 * What may change the last bits of a result: kept with stored logits, so that a mixture shows.
 * @param batch rows of the compute batch
 */
export function computeIdentity(batch: number): string {
  const { backend, device } = loadBackend();
  return `tensorflow ${backend.binding.TF_Version} ${device} batch ${batch}`;
}
