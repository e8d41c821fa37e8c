/** The teacher's compute thread: weights in, logits out, always in one fixed batch shape. */
import { workerData } from 'node:worker_threads';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import { isModelName } from '@mcld/models/zoo/registry.js';
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
const networks = new Map<string, InferenceNetwork>();

export const handlers = {
  /** @returns what the thread computes with, for the store's segments */
  identity(): string {
    loadBackend(device);
    return computeIdentity(batch);
  },

  load({ digest, weights }: { digest: string; weights: Uint8Array }): { model: string; classes: number } {
    loadBackend(device);
    const { metadata, tensors } = decodeSafetensors(weights);
    const { model = '', classes = '0' } = metadata;
    if (!isModelName(model)) throw new Error(`teacher ${digest} is of model '${model}', which is not known here`);
    networks.get(digest)?.dispose();
    networks.set(digest, new InferenceNetwork(model, Number(classes), tensors));
    return { model, classes: Number(classes) };
  },

  unload({ digest }: { digest: string }): void {
    networks.get(digest)?.dispose();
    networks.delete(digest);
  },

  /**
   * @param pixels uint8 [n, height, width, 3], n ≤ batch; the rest of the batch is zeros
   * @returns float32 [n, classes]
   */
  logits(request: {
    digest: string;
    pixels: Uint8Array;
    height: number;
    width: number;
    statistics: ChannelStatistics;
  }): Float32Array {
    const { digest, pixels, height, width, statistics } = request;
    const network = networks.get(digest);
    if (!network) throw new Error(`teacher ${digest} is not loaded`);
    const images = normalise(pixels, [batch, height, width], statistics);
    const { features, logits } = network.forward(images);
    const rows = pixels.length / (height * width * 3);
    const values = (logits.dataSync() as Float32Array).slice(0, rows * network.classes);
    tf.dispose([images, features, logits]);
    return values;
  },
};

serveCompute(handlers);
