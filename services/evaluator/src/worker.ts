/** The evaluator's compute thread: a frozen student's features and logits, and linear probes on features. */

import { workerData } from 'node:worker_threads';
import { decodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import { WeightMismatchError } from '@mcld/models/layers/state-dict.js';
import { isModelName } from '@mcld/models/zoo/registry.js';
import { type Device, loadBackend } from '@mcld/tensor/backend.js';
import { serveCompute } from '@mcld/tensor/compute-worker.js';
import { type ChannelStatistics, normalise } from '@mcld/tensor/normalise.js';
import * as tf from '@tensorflow/tfjs-core';
import { fitProbe, type ProbeData, type ProbeResult, type ProbeSettings } from './measure/linear-probe.js';

export interface EvaluatorWorkerData {
  readonly device: Device | 'auto';
}

let network: InferenceNetwork | undefined;

export const handlers = {
  load({ weights }: { weights: Uint8Array }): { classes: number } {
    const { device }: EvaluatorWorkerData = workerData;
    loadBackend(device);
    const { metadata, tensors } = decodeSafetensors(weights);
    const { model = '', classes = '0' } = metadata;
    if (!isModelName(model))
      throw new WeightMismatchError(`the checkpoint is of model '${model}', which is not known here`);
    network?.dispose();
    network = new InferenceNetwork(model, Number(classes), tensors);
    return { classes: Number(classes) };
  },

  /** @param pixels uint8 [B, height, width, 3]; returns float32 [B, F] and [B, classes] */
  forward(request: { pixels: Uint8Array; height: number; width: number; statistics: ChannelStatistics }) {
    if (!network) throw new Error('no student is loaded');
    const { pixels, height, width, statistics } = request;
    const images = normalise(pixels, [pixels.length / (height * width * 3), height, width], statistics);
    const output = network.forward(images);
    const features = output.features.dataSync<'float32'>().slice();
    const logits = output.logits.dataSync<'float32'>().slice();
    tf.dispose([images, output.features, output.logits]);
    return { features, logits };
  },

  probe({ train, test, settings }: { train: ProbeData; test: ProbeData; settings: ProbeSettings }): ProbeResult {
    return fitProbe(train, test, settings);
  },
};

serveCompute(handlers);
