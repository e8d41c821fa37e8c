/** The teacher's compute thread: weights in, logits out, always in one fixed batch shape. */

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
  /** Rows of every compute batch: an image's logits depend on it, so it never varies. */
  readonly batch: number;
}

const { device, batch } = workerData as TeacherWorkerData;
const networks = new Map<number, InferenceNetwork>();
let nextHandle = 0;

interface LoadedNetwork {
  readonly handle: number;
  readonly model: ModelName;
  readonly classes: number;
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
   * @param pixels uint8 [n, height, width, 3], n ≤ batch; the rest of the batch is zeros
   * @returns float32 [n, classes]
   */
  logits(request: {
    handle: number;
    pixels: Uint8Array;
    height: number;
    width: number;
    statistics: ChannelStatistics;
  }): Float32Array {
    const { handle, pixels, height, width, statistics } = request;
    const network = networks.get(handle);
    if (!network) throw new Error(`network ${handle} is not loaded`);
    const images = normalise(pixels, [batch, height, width], statistics);
    const { features, logits } = network.forward(images);
    const rows = pixels.length / (height * width * 3);
    const values = (logits.dataSync() as Float32Array).slice(0, rows * network.classes);
    tf.dispose([images, features, logits]);
    return values;
  },
};

serveCompute(handlers);
