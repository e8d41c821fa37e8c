/** The teacher's compute thread: weights in, outputs out, always in one fixed batch shape. */

import { workerData } from 'node:worker_threads';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import { WeightMismatchError } from '@mcld/models/layers/state-dict.js';
import { isModelName, type ModelName } from '@mcld/models/zoo/registry.js';
import { computeIdentity, type Device, loadBackend } from '@mcld/tensor/backend.js';
import { serveCompute } from '@mcld/tensor/compute-worker.js';
import { type ChannelStatistics, normalise } from '@mcld/tensor/normalise.js';
import * as tf from '@tensorflow/tfjs-core';

export interface TeacherWorkerData {
  readonly device: Device | 'auto';
  /** Rows of every compute batch: an image's outputs depend on it, so it never varies. */
  readonly batch: number;
}

const { device, batch }: TeacherWorkerData = workerData;
const networks = new Map<number, InferenceNetwork>();
let nextHandle = 0;

interface LoadedNetwork {
  readonly handle: number;
  readonly model: ModelName;
  readonly classes: number;
}

interface ComputeRequest {
  readonly handle: number;
  /** By name, as `InferenceNetwork.forward` gives it. */
  readonly output: string;
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly statistics: ChannelStatistics;
}

export const handlers = {
  /** @returns what the thread computes with, for the store's segments */
  identity(): string {
    loadBackend(device);
    return computeIdentity(batch);
  },

  /** @returns a handle for the other calls: a network that is loaded twice is unloaded twice */
  load({ digest, weights }: { digest: string; weights: Uint8Array }): LoadedNetwork {
    loadBackend(device);
    const { metadata, tensors } = decodeSafetensors(weights);
    const { model = '', classes = '0' } = metadata;
    if (!isModelName(model))
      throw new WeightMismatchError(`teacher ${digest} is of model '${model}', which is not known here`);
    const handle = nextHandle++;
    networks.set(handle, new InferenceNetwork(model, Number(classes), tensors));
    return { handle, model, classes: Number(classes) };
  },

  unload({ handle }: { handle: number }): void {
    networks.get(handle)?.dispose();
    networks.delete(handle);
  },

  /**
   * @param request.pixels uint8 [n, height, width, 3], n ≤ batch; the rest of the batch is zeros
   * @returns one of the network's outputs, float32 [n, width]
   */
  compute(request: ComputeRequest): { readonly values: Float32Array<ArrayBuffer>; readonly width: number } {
    const { handle, output, pixels, height, width, statistics } = request;
    const network = networks.get(handle);
    if (!network) throw new Error(`network ${handle} is not loaded`);
    const images = normalise(pixels, [batch, height, width], statistics);
    const outputs = new Map(Object.entries(network.forward(images)));
    const tensor = outputs.get(output);
    if (!tensor) throw new Error(`network ${handle} has no output '${output}'`);
    const count = pixels.length / (height * width * 3);
    const [, values = 0] = tensor.shape;
    const result = { values: tensor.dataSync<'float32'>().slice(0, count * values), width: values };
    tf.dispose([images, ...outputs.values()]);
    return result;
  },
};

serveCompute(handlers);
